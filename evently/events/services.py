"""What organizers do with events."""

import datetime as dt
import re
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from flask import current_app
from sqlalchemy import select

from evently.accounts.models import User
from evently.accounts.policies import require_organizer
from evently.audit.services import differences
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid
from evently.events import descriptions, queries, validation
from evently.events.audit import CREATED, record_creation, record_update
from evently.events.models import CANCELLED, DRAFT, PUBLISHED, Event, TicketStock, TicketType
from evently.events.signals import capacity_raised, event_cancelled, event_changed, event_deleted
from evently.events.validation import EventFields
from evently.extensions import db

REQUIRED = ("name", "venue", "time", "capacity")
# What whoever holds tickets is told of when it changes.
NOTIFIED_FIELDS = ("time", "ends_at", "timezone", "venue")


def create_event(*, by: User, fields: EventFields, allow_past: bool = False, event_id: uuid.UUID | None = None) -> Event:
    """A new event with one ticket type, published unless `status` says draft.

    With an `event_id` that was used before, this is that event: the first try was written, its answer was lost.
    Raises NotAllowed for people who do not organize, Invalid with a message per field.
    """
    event = new_event(by=by, fields=fields, allow_past=allow_past)
    if event_id is not None:
        event.id = event_id
    if event_id is None or db.session.get(Event, event_id) is None:
        add_events([event])
    return queries.get_event(event.id)


def new_event(*, by: User, fields: EventFields, allow_past: bool = False) -> Event:
    """An event that keeps the rules and is not in the database yet. Raises as `create_event` does."""
    require_organizer(by)
    values: dict[str, Any] = {
        "currency": current_app.config["DEFAULT_CURRENCY"],
        "timezone": current_app.config["DEFAULT_TIMEZONE"],
        "price_per_ticket": Decimal(0),
        "status": PUBLISHED,
        **_normalize(fields),
    }
    found = {name: ["This is needed."] for name in REQUIRED if values.get(name) is None}
    found |= validation.validate({name: value for name, value in values.items() if name not in found}, allow_past=allow_past)
    rendered, problem = _render(values)
    _require_valid(problem | found)
    return Event(id=uuid.uuid4(), organizer_id=by.id, **values, **rendered)


def add_events(events: Sequence[Event], *, by_id: int | None = None, action: str = CREATED) -> None:
    """Write new events with a ticket type and its stock each, in four statements however many they are.

    `by_id` makes them, where that is not their organizer; the `action` is what the audit log says.
    """
    ticket_types = [TicketType(id=uuid.uuid4(), event_id=event.id, price=event.price_per_ticket) for event in events]
    stock = [
        TicketStock(ticket_type_id=ticket_type.id, event_id=event.id, capacity=event.capacity)
        for event, ticket_type in zip(events, ticket_types, strict=True)
    ]
    with transaction() as session:
        for rows in (events, ticket_types, stock):
            session.add_all(rows)
            session.flush()
        record_creation(events, by_id=by_id, action=action)


def update_event(
    *, by: User, event_id: uuid.UUID, fields: EventFields, allow_past: bool = False, version: dt.datetime | None = None
) -> Event:
    """Change what was given and leave the rest. `version`: the `updated_at` of what the change was made to, if that matters.

    Raises NotFound, NotAllowed, Invalid with a message per field, and Conflict ("below_sold") for a capacity
    below what is sold, ("event_cancelled") for an event that is cancelled or ("changed_meanwhile") for another version.
    """
    changes = _normalize(fields)
    # Before the lock is taken: rendering takes up to a tenth of a second.
    rendered, problem = _render(changes)
    with transaction():
        stock = lock_inventory(event_id)
        event = queries.get_managed_event(by=by, event_id=event_id)
        _require_not_cancelled(event)
        if version is not None and event.updated_at != version:
            raise Conflict("Somebody changed this event while you were at it.", code="changed_meanwhile")
        found = _update_problems(event, changes, allow_past=allow_past)
        # As with other rules: what is stored already may break it.
        _require_valid(found if changes.get("description") == event.description else problem | found)
        news = _changes_to_announce(event, changes)
        _record_update(event, changes, by)
        _write(event, stock, changes | rendered)
        if news:
            event_changed.send(event, changes=news)
    return queries.get_event(event_id)


def publish_event(*, by: User, event_id: uuid.UUID) -> Event:
    """Draft to published. Raises NotFound, NotAllowed, Conflict when cancelled, Invalid when it is in the past."""
    return update_event(by=by, event_id=event_id, fields={"status": PUBLISHED})


def cancel_event(*, by: User, event_id: uuid.UUID, words: str = "") -> Event:
    """Call it off for good: its bookings are cancelled with it and nothing goes back on sale. The `words` go into the mail about it.

    Raises NotFound, NotAllowed, Invalid ("cancellation_note"), Conflict when it is cancelled already, has started or was never published.
    """
    with transaction():
        lock_inventory(event_id)
        event = queries.get_managed_event(by=by, event_id=event_id)
        _require_not_cancelled(event)
        if event.status == DRAFT:
            raise Conflict("Nobody knows of a draft, so it can be discarded, but not cancelled.", code="event_is_draft")
        if event.has_started:
            raise Conflict("This event has already started.", code="event_started")
        event.status, event.cancellation_note = CANCELLED, normalize_message(words)
        record_update("cancelled", event, by_id=by.id, changes={"status": (PUBLISHED, CANCELLED)})
        event_cancelled.send(event)
    return queries.get_event(event_id)


def normalize_message(words: str) -> str:
    """What is said about a cancelled event, as it is kept. Raises Invalid ("cancellation_note")."""
    words = words.replace("\r\n", "\n").strip()
    _require_valid(validation.validate({"cancellation_note": words}, allow_past=True))
    return words


def discard_draft(*, by: User, event_id: uuid.UUID) -> None:
    """Put a draft away for good. Raises NotFound, NotAllowed, Conflict when it is not a draft any more."""
    with transaction():
        lock_inventory(event_id)
        event = queries.get_managed_event(by=by, event_id=event_id)
        if event.status != DRAFT:
            raise Conflict("This event is not a draft any more; it can be cancelled.", code="not_a_draft")
        event.archived_at = utc_now()
        record_update("archived", event, by_id=by.id, changes={"archived_at": (None, event.archived_at)})


def delete_event(*, by: User, event_id: uuid.UUID) -> Event:
    """Put it away for good; the row stays for those whose history it is.

    Raises NotFound, NotAllowed, Conflict ("has_live_bookings") while somebody holds tickets or waits for some.
    """
    with transaction():
        lock_inventory(event_id)
        event = queries.get_managed_event(by=by, event_id=event_id)
        event_deleted.send(event)
        event.archived_at = utc_now()
        record_update("archived", event, by_id=by.id, changes={"archived_at": (None, event.archived_at)})
    return event


def lock_inventory(event_id: uuid.UUID) -> list[TicketStock]:
    """The event's hot rows, held until the transaction ends. Whoever decides about seats comes through here."""
    query = (
        select(TicketStock)
        .where(TicketStock.event_id == event_id)
        .order_by(TicketStock.ticket_type_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(query))


def _write(event: Event, stock: list[TicketStock], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(event, name, value)
    if "price_per_ticket" in changes:
        event.ticket_types[0].price = event.price_per_ticket
    if "capacity" in changes:
        _set_capacity(event, stock, changes["capacity"])


def _set_capacity(event: Event, stock: list[TicketStock], capacity: int) -> None:
    row = stock[0]
    if capacity < row.reserved:
        noun = "ticket is" if row.reserved == 1 else "tickets are"
        message = f"{row.reserved} {noun} already sold; capacity cannot go below that."
        raise Conflict(message, code="below_sold", fields={"capacity": [message]})
    is_more = capacity > row.capacity
    row.capacity = capacity
    if is_more:
        capacity_raised.send(event)


def _record_update(event: Event, changes: dict[str, Any], by: User) -> None:
    """Before it is changed."""
    different = differences({name: getattr(event, name) for name in changes}, changes)
    if different:
        record_update("published" if different.get("status") == (DRAFT, PUBLISHED) else "updated", event, by_id=by.id, changes=different)


def _changes_to_announce(event: Event, changes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What of these changes to a published event has to be told, before and after; nothing about one that is over."""
    if event.status != PUBLISHED or max(event.time, changes.get("time", event.time)) <= utc_now():
        return {}
    return {
        name: (getattr(event, name), changes[name]) for name in NOTIFIED_FIELDS if name in changes and changes[name] != getattr(event, name)
    }


def _update_problems(event: Event, changes: dict[str, Any], *, allow_past: bool) -> dict[str, list[str]]:
    stored = {name: getattr(event, name) for name in EventFields.__annotations__}
    merged = stored | changes
    is_going_on_sale = event.status == DRAFT and merged["status"] == PUBLISHED
    found = validation.validate(merged, allow_past=allow_past or not is_going_on_sale)
    if not is_going_on_sale:
        # What came in from elsewhere may break a rule; that is no reason to refuse what leaves it alone.
        old = validation.validate(stored, allow_past=True)
        found = {name: said for name, said in found.items() if old.get(name) != said or merged[name] != stored[name]}
    if merged["time"] != event.time and not allow_past:
        found |= validation.dates_in_past(merged, ["time"])
    found |= {name: ["This is needed."] for name in REQUIRED if merged[name] is None}
    if merged["status"] == DRAFT and event.status != DRAFT:
        found["status"] = ["A published event can be cancelled, but not taken back into draft."]
    return found


def _render(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The columns that hold the description as HTML, and by field what is wrong with it."""
    if "description" not in values:
        return {}, {}
    if found := validation.validate({"description": values["description"]}, allow_past=True):
        return {}, found
    rendered = descriptions.render(values["description"])
    return rendered.columns(), {"description": [rendered.problem]} if rendered.problem else {}


def _normalize(fields: EventFields) -> dict[str, Any]:
    unknown = fields.keys() - EventFields.__annotations__.keys()
    if unknown:
        raise TypeError(f"unknown event fields: {sorted(unknown)}")
    given = cast("dict[str, Any]", fields)
    return {name: _normalize_text(name, value) if isinstance(value, str) else value for name, value in given.items()}


def _normalize_text(name: str, value: str) -> str:
    """Only a description has lines; a name goes into subjects of mails and lines of calendars."""
    return value.strip() if name == "description" else re.sub(r"[\t\r\n]+", " ", value.strip())


def _require_valid(found: dict[str, list[str]]) -> None:
    if found:
        raise Invalid("Please correct the marked fields.", fields=found)


def _require_not_cancelled(event: Event) -> None:
    if event.status == CANCELLED:
        raise Conflict("This event is cancelled.", code="event_cancelled")
