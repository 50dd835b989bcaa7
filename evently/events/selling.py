"""Events that sell well, as they were a moment ago: in a rush all ask for the same one.

Good enough for a yes, because a booking is accepted only while the event's row is still the version that is remembered,
and the allocator decides by the seats there are then; a no is said by the database.
"""

import threading
import time
import uuid

from sqlalchemy import Connection, event
from sqlalchemy.orm import Mapper

from evently.database import detached, on_commit
from evently.events.models import Event
from evently.events.queries import get_event_for_sale

# seconds that an event is remembered, and how many seats must be left: near the end, everybody is told what is true now
MOMENT, PLENTY = 1.0, 100

_lock = threading.Lock()
_remembered: dict[uuid.UUID, tuple[float, Event]] = {}
_changes = 0


def recall(event_id: uuid.UUID) -> Event | None:
    """The event as it was at most a moment ago, to be read only; never as it was before this process changed it."""
    until, found = _remembered.get(event_id, (0.0, None))
    return found if time.monotonic() < until else None


def read(event_id: uuid.UUID) -> Event:
    """The event as it is now, and remembered. Raises NotFound."""
    changes, until = _changes, time.monotonic() + MOMENT
    found = get_event_for_sale(event_id)
    if found.available_tickets >= PLENTY:
        copy = detached(found, stock=[detached(row) for row in found.stock])
        with _lock:
            # Unless it was changed while it was read.
            if changes == _changes:
                _forget_before(time.monotonic())
                _remembered[event_id] = until, copy
    return found


@event.listens_for(Event, "after_update")
def _note_change(_mapper: Mapper[Event], _connection: Connection, changed: Event) -> None:
    event_id = changed.id
    on_commit(lambda: _forget(event_id))


def _forget(event_id: uuid.UUID) -> None:
    global _changes  # noqa: PLW0603 - one memory per process
    with _lock:
        _changes += 1
        _remembered.pop(event_id, None)


def _forget_before(moment: float) -> None:
    for event_id in [key for key, (until, _) in _remembered.items() if until < moment]:
        del _remembered[event_id]
