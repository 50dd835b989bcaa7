"""One booking request at a time per person and event, so that a nervous finger does not stand in line twice.

A courtesy, not what keeps limits: the allocator counts again under the stock's lock. So a Redis that is away is no
reason to refuse anybody. Without Redis the lock holds within this process, which then is the only one.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from functools import cache

from flask import current_app
from redis import Redis
from redis.exceptions import LockError
from redis.lock import Lock

from evently.broker import ask_broker
from evently.errors import Conflict

# seconds; after this the lock frees itself, whatever became of the request that held it
LIFETIME = 5.0

_guard = threading.Lock()
_held_until: dict[str, float] = {}


@contextlib.contextmanager
def one_at_a_time(*, user_id: int, event_id: uuid.UUID) -> Iterator[None]:
    """Raises Conflict ("booking_in_progress") while another request of this person for this event is being taken."""
    key = f"evently:booking-lock:{user_id}:{event_id}"
    url = current_app.config["REDIS_URL"]
    with _held_in_redis(url, key) if url else _held_here(key) as is_ours:
        if not is_ours:
            error = Conflict("Another booking of yours for this event is just being taken.", code="booking_in_progress")
            error.retry_after = 1
            raise error
        yield


@contextlib.contextmanager
def _held_in_redis(url: str, key: str) -> Iterator[bool]:
    lock = _client(url).lock(key, timeout=LIFETIME)
    try:
        yield ask_broker(lambda: lock.acquire(blocking=False)) is not False
    finally:
        if lock.local.token is not None:
            ask_broker(lambda: _release(lock))


def _release(lock: Lock) -> None:
    # It has freed itself when the request took too long.
    with contextlib.suppress(LockError):
        lock.release()


@contextlib.contextmanager
def _held_here(key: str) -> Iterator[bool]:
    now = time.monotonic()
    until = now + LIFETIME
    with _guard:
        is_ours = _held_until.get(key, 0) <= now
        if is_ours:
            _held_until[key] = until
    try:
        yield is_ours
    finally:
        with _guard:
            # It may have freed itself and be somebody else's by now.
            if is_ours and _held_until.get(key) == until:
                del _held_until[key]


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
