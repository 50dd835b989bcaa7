"""Events that sell well, as they were a moment ago: in a rush all ask for the same one.

Good enough for a yes, because a booking is accepted only while the event's row is still the version that is remembered,
and the allocator decides by the seats there are then; a no is said by the database.
"""

import threading
import time
import uuid

from sqlalchemy import Connection, event
from sqlalchemy.orm import Mapper

from evently.database import on_commit, separate_session
from evently.events.models import Event
from evently.events.queries import get_event_for_sale

# seconds that an event is remembered, and how many seats must be left: near the end, everybody is told what is true now
TTL_SECONDS, HIGH_AVAILABILITY = 1.0, 100

_lock = threading.Lock()
_entries: dict[uuid.UUID, tuple[float, Event]] = {}
_generation = 0


def get(event_id: uuid.UUID) -> Event | None:
    """The event as it was at most a moment ago, to be read only; never as it was before this process changed it."""
    until, found = _entries.get(event_id, (0.0, None))
    return found if time.monotonic() < until else None


def load(event_id: uuid.UUID) -> Event:
    """The event as it is now, and remembered. Raises NotFound."""
    changes, until = _generation, time.monotonic() + TTL_SECONDS
    found = get_event_for_sale(event_id)
    if found.available_tickets >= HIGH_AVAILABILITY:
        copy = separate_session(found, stock=[separate_session(row) for row in found.stock])
        with _lock:
            # Unless it was changed while it was read.
            if changes == _generation:
                _discard_older_than(time.monotonic())
                _entries[event_id] = until, copy
    return found


@event.listens_for(Event, "after_update")
def _record_change(_mapper: Mapper[Event], _connection: Connection, changed: Event) -> None:
    event_id = changed.id
    on_commit(lambda: _discard(event_id))


def _discard(event_id: uuid.UUID) -> None:
    global _generation  # noqa: PLW0603 - one memory per process
    with _lock:
        _generation += 1
        _entries.pop(event_id, None)


def _discard_older_than(moment: float) -> None:
    for event_id in [key for key, (until, _) in _entries.items() if until < moment]:
        del _entries[event_id]
