"""Reads about events."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, true
from sqlalchemy.orm import joinedload, lazyload

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, require_organizer
from evently.database import Page, single_statement, utc_now
from evently.errors import NotFound
from evently.events.cache_tags import EVENTS, event_tag
from evently.events.filters import EventFilters, filtered
from evently.events.models import CANCELLED, DRAFT, PUBLISHED, Event, TicketStock
from evently.events.policies import require_manager
from evently.extensions import db
from evently.tagged_cache import DETAILS, LISTS, SHORT_TTL, get_or_set

EventResult = TypeVar("EventResult")
T = TypeVar("T")
# Found by a search, so many events are sorted as quickly as they are looked for in order.
RARELY_USED_COLUMNS = 1000
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
_VALUES = (
    select(
        *(Event.__table__.c[name] for name in ("id", "name", "venue", "time", "capacity", "price_per_ticket", "description")),
        *(Event.__table__.c[name] for name in ("status", "created_at")),
        User.__table__.c.username,
        select(func.sum(TicketStock.capacity - TicketStock.reserved))
        .where(TicketStock.event_id == Event.__table__.c.id)
        .scalar_subquery()
        .label("available_tickets"),
    )
    .join(User.__table__, User.__table__.c.id == Event.__table__.c.organizer_id)
    .where(Event.__table__.c.id.in_(bindparam("ids", expanding=True)), Event.__table__.c.archived_at.is_(None))
)


ReadEvents = Callable[[Sequence[uuid.UUID], EventFilters], Sequence[EventResult]]


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
    return get_or_set(f"event:{event_id}", lambda: _describe(get_published_event(event_id)), tags=event_tag(event_id), seconds=DETAILS)


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


def find_last_timezone(*, by: User) -> str | None:
    """That of the event somebody added last."""
    return db.session.scalar(select(Event.timezone).where(Event.organizer_id == by.id).order_by(Event.created_at.desc()).limit(1))


def list_public_events(filters: EventFilters, *, page: int = 1, size: int = 12) -> Page[Event]:
    """Published events; the site's own list also shows cancelled ones unless `is_active` is set."""
    return _page("public", matching_public(filters), filters, _fetch_one, number=page, size=size)


def describe_public_events(filters: EventFilters, *, page: int = 1, size: int = 12) -> Page[dict[str, Any]]:
    """As `list_public_events`, in plain values for programs: a third of the time."""
    return _page("public", matching_public(filters), filters, _read_values, number=page, size=size)


def matching_public(filters: EventFilters) -> Select[Event]:
    """The query for what `list_public_events` finds, in its order."""
    return filtered(_events().where(Event.status.in_([PUBLISHED, CANCELLED])), filters)


def list_managed_events(*, by: User, filters: EventFilters, page: int = 1, size: int = 20) -> Page[Event]:
    """Every event for staff and superusers, their own for organizers. Raises NotAllowed for everybody else."""
    return _managed_page(by, filters, _fetch_one, number=page, size=size)


def describe_managed_events(*, by: User, filters: EventFilters, page: int = 1, size: int = 20) -> Page[dict[str, Any]]:
    """As `list_managed_events`, in plain values for programs."""
    return _managed_page(by, filters, _read_values, number=page, size=size)


def _managed_page(by: User, filters: EventFilters, read: ReadEvents[EventResult], *, number: int, size: int) -> Page[EventResult]:
    query = filtered(_events().where(is_managed_by(by)), filters)
    return _page("everybody's" if can_manage_every_event(by) else f"of {by.id}", query, filters, read, number=number, size=size)


def _page(
    scope: str, query: Select[Event], filters: EventFilters, read: ReadEvents[EventResult], *, number: int, size: int
) -> Page[EventResult]:
    """Which events, in which order and how many they are may be remembered; what they are like and their seats are read now."""
    question, seconds = f"{scope} {filters}", SHORT_TTL if filters.has_seats else LISTS
    # Seats and the time of day decide what needs attention, so it is looked for each time.
    ask = _uncached if filters.needs_attention else get_or_set

    def count() -> int:
        return ask(f"count:{question}", lambda: _count(query), tags=(EVENTS,), seconds=seconds)

    def find() -> tuple[list[uuid.UUID], int]:
        first, only_ids = (number - 1) * size, query.with_only_columns(Event.id)
        if (filters.search or filters.venue) and (total := count()) <= RARELY_USED_COLUMNS:
            # All of them, or PostgreSQL would walk the whole list in order for a page: it takes no beginning of a word for rare.
            return _ids(only_ids)[first : first + size], total
        ids = _ids(only_ids.limit(size).offset(first))
        return ids, first + len(ids) if len(ids) < size and (ids or number == 1) else count()

    ids, total = ask(f"list:{question} {number} {size}", find, tags=(EVENTS,), seconds=seconds)
    return Page(items=read(ids, filters), total=total, number=number, size=size)


def _uncached(_key: str, work_out: Callable[[], T], **_: object) -> T:
    return work_out()


def _ids(query: Select[uuid.UUID]) -> list[uuid.UUID]:
    # By the session's connection, here and below: plain values need nothing of what a session does for entities.
    return list(db.session.connection().scalars(query))


def _count(query: Select[Event]) -> int:
    return db.session.connection().scalar(query.order_by(None).with_only_columns(func.count())) or 0


def _read_values(ids: Sequence[uuid.UUID], filters: EventFilters) -> list[dict[str, Any]]:
    """As `_read`; by name of the column, with their organizer and their seats."""
    if not ids:
        return []
    found = db.session.connection().execute(_VALUES, {"ids": list(ids)})
    names = tuple(found.keys())
    rows = [dict(zip(names, row, strict=True)) for row in found]
    events = {row["id"]: row | {"organizer": {"username": row["username"]}, "is_active": row["status"] == PUBLISHED} for row in rows}
    now = utc_now()
    return [events[id_] for id_ in ids if id_ in events and not (filters.is_upcoming and events[id_]["time"] <= now)]


def _fetch_one(ids: Sequence[uuid.UUID], filters: EventFilters) -> list[Event]:
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
    """How many events somebody manages. Upcoming are drafts too, cancelled ones not; `on` are published, with `available` seats."""

    total: int
    upcoming: int
    drafts: int
    on: int
    available: int


def count_managed_events(by: User) -> EventCounts:
    """Raises NotAllowed for people who do not organize."""
    is_mine = and_(is_managed_by(by), Event.archived_at.is_(None))
    is_upcoming = and_(Event.time > utc_now(), Event.status != CANCELLED)
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
