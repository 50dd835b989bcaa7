"""One booking request at a time per person and event, so that a nervous finger does not stand in line twice.

A courtesy, not what keeps limits: the allocator counts again under the stock's lock. So a cache that is away is no
reason to refuse anybody.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator

from redis.exceptions import RedisError

from evently.errors import Conflict
from evently.extensions import cache
from evently.worker import is_broker_away

# seconds; after this the lock frees itself, whatever became of the request that held it
LIFETIME = 5


@contextlib.contextmanager
def one_at_a_time(*, user_id: int, event_id: uuid.UUID) -> Iterator[None]:
    """Raises Conflict ("booking_in_progress") while another request of this person for this event is being taken."""
    key = f"booking-lock:{user_id}:{event_id}"
    until = time.monotonic() + LIFETIME
    is_locked = _acquire(key)
    if is_locked is False:
        error = Conflict("Another booking of yours for this event is just being taken.", code="booking_in_progress")
        error.retry_after = 1
        raise error
    try:
        yield
    finally:
        # After its lifetime the lock may be somebody else's.
        if is_locked and time.monotonic() < until:
            with contextlib.suppress(RedisError):
                cache.delete(key)


def _acquire(key: str) -> bool | None:
    """Whether the lock is ours now; None when there is nobody to ask."""
    if is_broker_away():
        return None
    try:
        return bool(cache.add(key, 1, timeout=LIFETIME))
    except RedisError:
        return None
