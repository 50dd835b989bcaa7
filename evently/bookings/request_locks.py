"""One booking request at a time per person and event, so that a nervous finger does not stand in line twice.

A courtesy, not what keeps limits: the allocator counts again under the stock's lock. Within a process it holds from
the first look at the event to the answer, and frees itself after `LIFETIME`. Between processes PostgreSQL holds it for
as long as the insert takes (`is_alone`), which costs no round trip; it ends with the statement, whatever becomes of it.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

from sqlalchemy import BindParameter, ColumnElement, Integer, bindparam, func

from evently.errors import Conflict

# seconds; after this the lock frees itself, whatever became of the request that held it
TTL_SECONDS = 5.0

_guard = threading.Lock()
_held_until: dict[tuple[int, uuid.UUID], float] = {}


@contextlib.contextmanager
def user_event_lock(*, user_id: int, event_id: uuid.UUID) -> Iterator[None]:
    """Raises Conflict ("booking_in_progress") while another request of this person for this event is being taken."""
    key = user_id, event_id
    now = time.monotonic()
    until = now + TTL_SECONDS
    with _guard:
        if _held_until.get(key, 0) > now:
            raise in_progress_error()
        _held_until[key] = until
    try:
        yield
    finally:
        with _guard:
            # It may have freed itself and be somebody else's by now.
            if _held_until.get(key) == until:
                del _held_until[key]


def acquire(user_id: BindParameter[int]) -> ColumnElement[bool]:
    """Whether no other process inserts for the same person and event right now; `event_lock` is the event's part."""
    return func.pg_try_advisory_xact_lock(user_id, bindparam("event_lock", type_=Integer))


def event_lock(event_id: uuid.UUID) -> int:
    """31 bits of the event's id, which is what fits beside a person's into PostgreSQL's key."""
    return event_id.int & 0x7FFFFFFF


def in_progress_error() -> Conflict:
    error = Conflict("Another booking of yours for this event is just being taken.", code="booking_in_progress")
    error.retry_after = 1
    return error
