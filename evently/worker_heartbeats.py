"""Which workers live. Each writes it down every few seconds, so nobody has to ask a worker that has better things to do.

With Redis they write there, each with the moment at which it is taken for dead, by the clock of the server alone.
In embedded mode the worker lives in this process, and so does what it writes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from celery import bootsteps
from redis import Redis

from evently.circuit_breaker import call_broker

# seconds between two beats, and after which a worker that was not heard is dead
INTERVAL_SECONDS, TTL_SECONDS = 5.0, 16.0
# seconds; the pool "solo" works in the thread that beats, and a task may take that long
SOLO_TTL_SECONDS = 300.0
IN_MEMORY = "memory://"
KEY = "evently:workers"
BEAT = """
local now = tonumber(redis.call('time')[1])
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
return redis.call('zadd', KEYS[1], now + ARGV[2], ARGV[1])
"""
ALIVE_KEY = "return redis.call('zrangebyscore', KEYS[1], redis.call('time')[1], '+inf')"

_local_workers: dict[str, float] = {}


@dataclass(frozen=True)
class Worker:
    """A living worker by the name it was started with, and the queues that it takes tasks from."""

    name: str
    queues: frozenset[str]


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
    """Beats while a worker takes tasks: not before, nor while it has lost its broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    _timer: Any = None

    def start(self, consumer: Any) -> None:
        known = *_worker_id(consumer), SOLO_TTL_SECONDS if type(consumer.pool).__module__.endswith(".solo") else TTL_SECONDS
        _send_heartbeat(*known)
        self._timer = consumer.timer.call_repeatedly(INTERVAL_SECONDS, _send_heartbeat, known)

    def stop(self, consumer: Any) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
            _delete_heartbeat(*_worker_id(consumer))


def alive_workers(broker_url: str) -> Sequence[Worker] | None:
    """None when the broker, which would know, is away."""
    words = _alive_from_redis(broker_url)
    return None if words is None else [_worker(word) for word in words]


def has_worker(broker_url: str, hostname: str) -> bool:
    """Whether the one with this name, its machine's included, lives."""
    return any(word.startswith(f"{hostname} ") for word in _alive_from_redis(broker_url) or ())


def _alive_from_redis(broker_url: str) -> list[str] | None:
    if broker_url == IN_MEMORY:
        now = time.monotonic()
        return [word for word, until in sorted(_local_workers.items()) if until >= now]
    words = call_broker(lambda: _redis(broker_url).eval(ALIVE_KEY, 1, KEY))
    return None if words is None else [word.decode() for word in sorted(words)]


def _worker_id(consumer: Any) -> tuple[str, str]:
    """Its broker, and what it writes there: its name and its queues."""
    app = consumer.app
    return app.conf.broker_url, f"{consumer.hostname} {','.join(sorted(app.amqp.queues.consume_from))}"


def _worker(word: str) -> Worker:
    """Without the machine it runs on, which is nobody's business."""
    name, queues = word.split(" ")
    return Worker(name.partition("@")[0], frozenset(queues.split(",")))


def _send_heartbeat(broker_url: str, word: str, lifetime: float) -> None:
    if broker_url == IN_MEMORY:
        _local_workers[word] = time.monotonic() + lifetime
    else:
        call_broker(lambda: _redis(broker_url).eval(BEAT, 1, KEY, word, lifetime))


def _delete_heartbeat(broker_url: str, word: str) -> None:
    if broker_url == IN_MEMORY:
        _local_workers.pop(word, None)
    else:
        call_broker(lambda: _redis(broker_url).zrem(KEY, word))


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
