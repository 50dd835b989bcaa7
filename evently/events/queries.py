"""Reads about events."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import joinedload, lazyload

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, require_organizer
from evently.caching import DETAILS, LISTS, MOMENT, remember
from evently.database import Page, paginate, single_statement, utc_now
from evently.errors import NotFound
from evently.events.models import CANCELLED, DRAFT, PUBLISHED, Event, TicketStock
from evently.events.policies import require_manager
from evently.events.search import matches
from evently.events.versions import EVENTS, of_event
from evently.extensions import db

# Each the beginning of an index, which goes on with the id.
ORDERINGS = {
    "time": (Event.time,),
    "created_at": (Event.created_at,),
    "price_per_ticket": (Event.price_per_ticket, Event.time),
    "capacity": (Event.capacity,),
}
# An event that nobody has booked is worth a word when it starts within this time.
SOON = dt.timedelta(days=30)
# Built once: on the way of every buyer, building a statement costs as much as asking it.
_FOR_SALE = (
    select(Event)
    .where(Event.id == bindparam("event_id"), Event.archived_at.is_(None))
    .options(joinedload(Event.stock), lazyload(Event.organizer))
    .execution_options(populate_existing=True)
)
_FREE_SEATS = (
    select(func.sum(TicketStock.capacity - TicketStock.reserved))
    .join(Event, Event.id == TicketStock.event_id)
    .where(Event.id == bindparam("event_id"), Event.status == PUBLISHED, Event.archived_at.is_(None))
)


@dataclass(frozen=True, kw_only=True)
class EventFilters:
    """What to look for; every field narrows, None does not. `date_to` is exclusive."""

    search: str = ""
    searches_descriptions: bool = True
    venue: str = ""
    category: str = ""
    date_from: dt.datetime | None = None
    date_to: dt.datetime | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    is_active: bool | None = None
    is_upcoming: bool | None = None
    has_seats: bool = False
    # one of STATUSES
    status: str = ""
    # only what its organizer should look at: drafts, nearly full, not on sale yet, not sold at all
    needs_attention: bool = False
    # a key of ORDERINGS, with a leading "-" from the other end
    ordering: str = "time"


def get_event(event_id: uuid.UUID) -> Event:
    """Whatever its state, as it is now: also for a session that has read it before. Raises NotFound."""
    event = db.session.scalar(_events().where(Event.id == event_id).execution_options(populate_existing=True))
    if event is None:
        raise NotFound("There is no such event.")
    return event


def get_event_for_sale(event_id: uuid.UUID) -> Event:
    """As `get_public_event`, in one statement: a buyer needs its seats, and nothing about its organizer."""
    return _public(db.session.scalars(_FOR_SALE, {"event_id": event_id}).unique().one_or_none())


def get_public_event(event_id: uuid.UUID) -> Event:
    """Published or cancelled, as anybody may see it. Raises NotFound, for drafts too."""
    return _public(get_event(event_id))


def _public(event: Event | None) -> Event:
    if event is None or event.status not in {PUBLISHED, CANCELLED}:
        raise NotFound("There is no such event.")
    return event


def get_published_event(event_id: uuid.UUID) -> Event:
    """What can be booked, or could be. Raises NotFound, for drafts and cancelled events too."""
    event = get_event(event_id)
    if event.status != PUBLISHED:
        raise NotFound("There is no such event.")
    return event


def describe_published_event(event_id: uuid.UUID) -> dict[str, Any]:
    """What everybody may know of it but its seats, which may be remembered. Raises NotFound as `get_published_event` does."""
    return remember(f"event:{event_id}", lambda: _describe(get_published_event(event_id)), of=of_event(event_id), seconds=DETAILS)


def _describe(event: Event) -> dict[str, Any]:
    """Plain values, to be remembered."""
    described = {name: getattr(event, name) for name in ("id", "name", "venue", "time", "capacity", "price_per_ticket", "description")}
    return described | {"organizer": {"username": event.organizer.username}}


def count_available_tickets(event_id: uuid.UUID) -> int:
    """Seats of a published event that nobody has, read now. Raises NotFound, for drafts and cancelled events too."""
    with single_statement(writes=False) as connection:
        seats = connection.scalar(_FREE_SEATS, {"event_id": event_id})
    if seats is None:
        raise NotFound("There is no such event.")
    return int(seats)


def get_managed_event(*, by: User, event_id: uuid.UUID) -> Event:
    """Raises NotFound, and NotAllowed when it is somebody else's."""
    event = get_event(event_id)
    require_manager(by, event)
    return event


def list_public_events(filters: EventFilters, *, page: int = 1, size: int = 12) -> Page[Event]:
    """Published events; the site's own list also shows cancelled ones unless `is_active` is set."""
    return _page("public", matching_public(filters), filters, number=page, size=size)


def matching_public(filters: EventFilters) -> Select[Event]:
    """The query for what `list_public_events` finds, in its order."""
    return _filtered(_events().where(Event.status.in_([PUBLISHED, CANCELLED])), filters)


def list_managed_events(*, by: User, filters: EventFilters, page: int = 1, size: int = 20) -> Page[Event]:
    """Every event for staff and superusers, their own for organizers. Raises NotAllowed for everybody else."""
    query = _filtered(_events().where(is_managed_by(by)), filters)
    return _page("everybody's" if can_manage_every_event(by) else f"of {by.id}", query, filters, number=page, size=size)


def _page(scope: str, query: Select[Event], filters: EventFilters, *, number: int, size: int) -> Page[Event]:
    """Which events, in which order and how many they are may be remembered; what they are like and their seats are read now."""
    if filters.needs_attention:
        return paginate(query, number=number, size=size)
    question, seconds = f"{scope} {filters}", MOMENT if filters.has_seats else LISTS

    def find() -> tuple[list[uuid.UUID], int]:
        ids = list(db.session.scalars(query.with_only_columns(Event.id).limit(size).offset((number - 1) * size)))
        if len(ids) < size and (ids or number == 1):
            return ids, (number - 1) * size + len(ids)
        return ids, remember(f"count:{question}", lambda: _count(query), of=(EVENTS,), seconds=seconds)

    ids, total = remember(f"list:{question} {number} {size}", find, of=(EVENTS,), seconds=seconds)
    return Page(items=_read(ids, filters), total=total, number=number, size=size)


def _count(query: Select[Event]) -> int:
    return db.session.scalar(query.order_by(None).with_only_columns(func.count())) or 0


def _read(ids: Sequence[uuid.UUID], filters: EventFilters) -> list[Event]:
    """These events in this order, without those that have started since they were found to be to come."""
    found = db.session.scalars(_events().where(Event.id.in_(ids)).execution_options(populate_existing=True)) if ids else ()
    events = {event.id: event for event in found}
    return [events[id_] for id_ in ids if id_ in events and not (filters.is_upcoming and events[id_].has_started)]


def is_managed_by(user: User) -> ColumnElement[bool]:
    """The condition for events that this person manages, as `can_manage_event` has it. Raises NotAllowed."""
    require_organizer(user)
    return true() if can_manage_every_event(user) else Event.organizer_id == user.id


@dataclass(frozen=True)
class EventCounts:
    """How many events somebody manages; `on` are published and upcoming, with `available` seats."""

    total: int
    upcoming: int
    drafts: int
    on: int
    available: int


def count_managed_events(by: User) -> EventCounts:
    """Raises NotAllowed for people who do not organize."""
    is_mine = and_(is_managed_by(by), Event.archived_at.is_(None))
    is_upcoming = Event.time > utc_now()
    is_on = and_(is_upcoming, Event.status == PUBLISHED)
    count = func.count
    query = select(count(), count().filter(is_upcoming), count().filter(Event.status == DRAFT), count().filter(is_on))
    total, upcoming, drafts, on = db.session.execute(query.select_from(Event).where(is_mine)).one()
    free_seats = func.coalesce(func.sum(TicketStock.capacity - TicketStock.reserved), 0)
    available = db.session.scalar(select(free_seats).join(Event, Event.id == TicketStock.event_id).where(is_mine, is_on))
    return EventCounts(total=total, upcoming=upcoming, drafts=drafts, on=on, available=int(available or 0))


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
    columns = (*ORDERINGS[filters.ordering.removeprefix("-")], Event.id)
    return query.order_by(*(column.desc() for column in columns) if filters.ordering.startswith("-") else columns)


def _text_clauses(filters: EventFilters) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if filters.search:
        clauses.append(matches(filters.search, ("name", "venue", *(("description",) if filters.searches_descriptions else ()))))
    if filters.venue:
        clauses.append(matches(filters.venue, ("venue",)))
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
    if filters.status:
        clauses.append(Event.status == filters.status)
    if filters.needs_attention:
        clauses.append(_needs_attention())
    return clauses


def _needs_attention() -> ColumnElement[bool]:
    now = utc_now()
    taken = select(func.coalesce(func.sum(TicketStock.reserved), 0)).where(TicketStock.event_id == Event.id).scalar_subquery()
    is_nearly_full = taken * 10 >= Event.capacity * 9
    is_unsold = and_(taken == 0, Event.time < now + SOON)
    is_for_sale = and_(Event.status == PUBLISHED, or_(Event.sales_end.is_(None), Event.sales_end > now))
    return and_(
        Event.time > now,
        or_(Event.status == DRAFT, and_(is_for_sale, or_(Event.sales_start > now, is_nearly_full, is_unsold))),
    )
