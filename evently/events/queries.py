"""Reads about events."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, func, or_, select

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.database import Page, paginate, utc_now
from evently.errors import NotFound
from evently.events.models import CANCELLED, PUBLISHED, Event, TicketStock
from evently.events.policies import require_manager
from evently.extensions import db

ORDERINGS = {
    "time": Event.time,
    "created_at": Event.created_at,
    "price_per_ticket": Event.price_per_ticket,
    "capacity": Event.capacity,
}


@dataclass(frozen=True, kw_only=True)
class EventFilters:
    """What to look for; every field narrows, None does not. `date_to` is exclusive."""

    search: str = ""
    venue: str = ""
    category: str = ""
    date_from: dt.datetime | None = None
    date_to: dt.datetime | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    is_active: bool | None = None
    is_upcoming: bool | None = None
    has_seats: bool = False
    # a key of ORDERINGS, with a leading "-" from the other end
    ordering: str = "time"


def get_event(event_id: uuid.UUID) -> Event:
    """Whatever its state. Raises NotFound."""
    event = db.session.scalar(_events().where(Event.id == event_id))
    if event is None:
        raise NotFound("There is no such event.")
    return event


def get_public_event(event_id: uuid.UUID) -> Event:
    """Published or cancelled, as anybody may see it. Raises NotFound, for drafts too."""
    event = get_event(event_id)
    if event.status not in {PUBLISHED, CANCELLED}:
        raise NotFound("There is no such event.")
    return event


def get_managed_event(*, by: User, event_id: uuid.UUID) -> Event:
    """Raises NotFound, and NotAllowed when it is somebody else's."""
    event = get_event(event_id)
    require_manager(by, event)
    return event


def list_public_events(filters: EventFilters, *, page: int = 1, size: int = 12) -> Page[Event]:
    """Published events; the site's own list also shows cancelled ones unless `is_active` is set."""
    query = _filtered(_events().where(Event.status.in_([PUBLISHED, CANCELLED])), filters)
    return paginate(query, number=page, size=size)


def list_managed_events(*, by: User, filters: EventFilters, page: int = 1, size: int = 20) -> Page[Event]:
    """Every event for staff and superusers, their own for organizers."""
    query = _events() if can_manage_every_event(by) else _events().where(Event.organizer_id == by.id)
    return paginate(_filtered(query, filters), number=page, size=size)


def list_venues(limit: int = 200) -> Sequence[str]:
    """The houses with something on, by name."""
    query = select(Event.venue).where(Event.status == PUBLISHED, Event.time > utc_now(), Event.archived_at.is_(None))
    return db.session.scalars(query.distinct().order_by(Event.venue).limit(limit)).all()


def count_upcoming() -> tuple[int, int]:
    """How many events the site's own list shows, and in how many houses."""
    query = select(func.count(), func.count(Event.venue.distinct())).where(
        Event.status.in_([PUBLISHED, CANCELLED]), Event.time > utc_now(), Event.archived_at.is_(None)
    )
    events, venues = db.session.execute(query).one()
    return events, venues


def _events() -> Select[Event]:
    return select(Event).where(Event.archived_at.is_(None))


def _filtered(query: Select[Event], filters: EventFilters) -> Select[Event]:
    for clause in (*_text_clauses(filters), *_range_clauses(filters), *_state_clauses(filters)):
        query = query.where(clause)
    column = ORDERINGS[filters.ordering.removeprefix("-")]
    if filters.ordering.startswith("-"):
        return query.order_by(column.desc(), Event.id.desc())
    return query.order_by(column, Event.id)


def _text_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = [
        or_(*(column.icontains(word, autoescape=True) for column in (Event.name, Event.venue, Event.description)))
        for word in filters.search.split()
    ]
    if filters.venue:
        clauses.append(Event.venue.icontains(filters.venue, autoescape=True))
    if filters.category:
        clauses.append(Event.category == filters.category)
    return clauses


def _range_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    bounds = (
        (filters.date_from, Event.time.__ge__),
        (filters.date_to, Event.time.__lt__),
        (filters.min_price, Event.price_per_ticket.__ge__),
        (filters.max_price, Event.price_per_ticket.__le__),
    )
    return [compare(bound) for bound, compare in bounds if bound is not None]


def _state_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if filters.is_active is not None:
        clauses.append(Event.status == PUBLISHED if filters.is_active else Event.status != PUBLISHED)
    if filters.is_upcoming is not None:
        clauses.append(Event.time > utc_now() if filters.is_upcoming else Event.time <= utc_now())
    if filters.has_seats:
        has_stock = select(TicketStock.event_id).where(TicketStock.event_id == Event.id, TicketStock.reserved < TicketStock.capacity)
        clauses.append(has_stock.exists())
    return clauses
