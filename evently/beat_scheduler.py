"""The beat's scheduler: Celery's own, which also shows that it lives, on the broker's server."""

import platform
import time
from functools import cache
from typing import Any

from celery import beat
from redis import Redis

from evently.circuit_breaker import call_broker

KEY = "evently:beat"
# seconds between two signs of life, and after which a beat that gave none is dead
INTERVAL_SECONDS, TTL_SECONDS = 5.0, 30


class Scheduler(beat.Scheduler):  # type: ignore[misc] # celery has no types
    """Looks up every five seconds at least, however far off the next task is."""

    _next_sign = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._next_sign:
            self._next_sign = time.monotonic() + INTERVAL_SECONDS
            broker_url = self.app.conf.broker_url
            call_broker(lambda: _redis(broker_url).set(KEY, platform.node(), ex=TTL_SECONDS))
        pause: float = super().tick(*args, **kwargs)
        return min(pause, INTERVAL_SECONDS)


def current_beat_host(broker_url: str) -> str | None:
    """The machine whose beat was heard last; None when none was, or the broker does not answer."""
    found = call_broker(lambda: _redis(broker_url).get(KEY))
    return found.decode() if found else None


@cache
def _redis(url: str) -> Any:
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
