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

from evently.broker import ask_broker

# seconds between two beats, and after which a worker that was not heard is dead
EVERY, LIFETIME = 5.0, 16.0
# seconds; the pool "solo" works in the thread that beats, and a task may take that long
SOLO_LIFETIME = 300.0
IN_MEMORY = "memory://"
KEY = "evently:workers"
BEAT = """
local now = tonumber(redis.call('time')[1])
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
return redis.call('zadd', KEYS[1], now + ARGV[2], ARGV[1])
"""
LIVING = "return redis.call('zrangebyscore', KEYS[1], redis.call('time')[1], '+inf')"

_here: dict[str, float] = {}


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
        known = *_who(consumer), SOLO_LIFETIME if type(consumer.pool).__module__.endswith(".solo") else LIFETIME
        _beat(*known)
        self._timer = consumer.timer.call_repeatedly(EVERY, _beat, known)

    def stop(self, consumer: Any) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
            _end(*_who(consumer))


def living_workers(broker_url: str) -> Sequence[Worker] | None:
    """None when the broker, which would know, is away."""
    words = _living(broker_url)
    return None if words is None else [_worker(word) for word in words]


def has_worker(broker_url: str, hostname: str) -> bool:
    """Whether the one with this name, its machine's included, lives."""
    return any(word.startswith(f"{hostname} ") for word in _living(broker_url) or ())


def _living(broker_url: str) -> list[str] | None:
    if broker_url == IN_MEMORY:
        now = time.monotonic()
        return [word for word, until in sorted(_here.items()) if until >= now]
    words = ask_broker(lambda: _redis(broker_url).eval(LIVING, 1, KEY))
    return None if words is None else [word.decode() for word in sorted(words)]


def _who(consumer: Any) -> tuple[str, str]:
    """Its broker, and what it writes there: its name and its queues."""
    app = consumer.app
    return app.conf.broker_url, f"{consumer.hostname} {','.join(sorted(app.amqp.queues.consume_from))}"


def _worker(word: str) -> Worker:
    """Without the machine it runs on, which is nobody's business."""
    name, queues = word.split(" ")
    return Worker(name.partition("@")[0], frozenset(queues.split(",")))


def _beat(broker_url: str, word: str, lifetime: float) -> None:
    if broker_url == IN_MEMORY:
        _here[word] = time.monotonic() + lifetime
    else:
        ask_broker(lambda: _redis(broker_url).eval(BEAT, 1, KEY, word, lifetime))


def _end(broker_url: str, word: str) -> None:
    if broker_url == IN_MEMORY:
        _here.pop(word, None)
    else:
        ask_broker(lambda: _redis(broker_url).zrem(KEY, word))


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
