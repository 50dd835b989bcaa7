"""An event once more, on another date."""

import datetime as dt
import uuid

from sqlalchemy import inspect

from evently.accounts.models import User
from evently.accounts.policies import can_organize
from evently.database import utc_now
from evently.events import queries
from evently.events.models import DRAFT, Event
from evently.events.services import add_events, new_event
from evently.events.validation import DATETIME_FIELDS, EventFields
from evently.extensions import db

# What belongs to one event alone.
NOT_COPIED = {"id", "source_id", "status", "cancellation_note", "organizer_id", "created_at", "updated_at", "archived_at"}
# new_event() renders it.
RENDERED = {"description_html", "description_digest"}


def duplicate_event(*, by: User, event_id: uuid.UUID, name: str, time: dt.datetime, new_id: uuid.UUID | None = None) -> Event:
    """A draft like this event, with everything but its bookings; for who copies it where its organizer organizes no more.

    Its other times keep their distance from the start by the clock on the wall; those that would be over are left out.
    With a `new_id` that was used before, this is that draft. Raises NotFound, NotAllowed, Invalid with a message per field.
    """
    event = queries.get_managed_event(by=by, event_id=event_id)
    found = db.session.get(Event, new_id) if new_id else None
    if found is None:
        found = _clone(event, by=by, name=name, time=time)
        found.id = new_id or found.id
        add_events([found], by_id=by.id)
    return queries.get_event(found.id)


def _clone(event: Event, *, by: User, name: str, time: dt.datetime) -> Event:
    values = {column.key: getattr(event, column.key) for column in inspect(Event).column_attrs if column.key not in NOT_COPIED | RENDERED}
    moved = {moment: _moved(values[moment], event, time) for moment in DATETIME_FIELDS}
    values |= moved | {"name": name, "time": time, "status": DRAFT}
    organizer = event.organizer if can_organize(event.organizer) else by
    fields: EventFields = {key: values[key] for key in EventFields.__annotations__ if key in values}  # type: ignore[assignment]
    draft = new_event(by=organizer, fields=fields)
    for key in values.keys() - fields.keys():
        setattr(draft, key, values[key])
    return draft


def _moved(moment: dt.datetime | None, event: Event, start: dt.datetime) -> dt.datetime | None:
    """As far from the new start as it was from the old one; None for what would be over."""
    if moment is None:
        return None
    distance = moment.astimezone(event.zone).replace(tzinfo=None) - event.local_time.replace(tzinfo=None)
    moved = (start.astimezone(event.zone).replace(tzinfo=None) + distance).replace(tzinfo=event.zone).astimezone(dt.UTC)
    return moved if moved > utc_now() else None
