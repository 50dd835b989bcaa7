"""One booking request at a time per person and event, so that a nervous finger does not stand in line twice.

A courtesy, not what keeps limits: the allocator counts again under the stock's lock. So a Redis that is away is no
reason to refuse anybody. Without Redis the lock holds within this process, which then is the only one.
"""

import contextlib
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from functools import cache

from flask import current_app
from redis import Redis
from redis.commands.core import Script

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
    """As redis.lock has it, in half of its CPU time: what every buyer pays."""
    client, release = _client(url)
    name = secrets.token_bytes(8)
    is_free = ask_broker(lambda: bool(client.set(key, name, nx=True, px=int(LIFETIME * 1000))))
    try:
        yield is_free is not False
    finally:
        if is_free:
            ask_broker(lambda: release(keys=[key], args=[name]))


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
def _client(url: str) -> tuple[Redis, Script]:
    """Redis, and how to let go there of a lock that is still one's own."""
    client = Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
    return client, client.register_script("if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end")
