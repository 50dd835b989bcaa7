"""What is done to events, in the words of the audit log."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from evently.audit.services import record, record_all
from evently.events.models import Event

# How events come to be.
CREATED, IMPORTED = "event.created", "event.imported"


def record_update(verb: str, event: Event, *, by_id: int, changes: Mapping[str, Sequence[Any]]) -> None:
    """Within the transaction of the change."""
    record(actor_id=by_id, action=f"event.{verb}", subject="event", subject_id=event.id, changes=changes)


def record_creation(events: Sequence[Event], *, by_id: int | None = None, action: str = CREATED) -> None:
    """In one statement for those of one organizer in a row, who made them unless it was `by_id`."""
    for organizer_id, theirs in groupby(events, key=lambda event: event.organizer_id):
        changes = {event.id: {"name": (None, event.name), "status": (None, event.status)} for event in theirs}
        record_all(actor_id=by_id or organizer_id, action=action, subject="event", changes=changes)
