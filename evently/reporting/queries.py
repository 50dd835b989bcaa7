"""Figures for those who manage events, read from the roll-ups."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Float, cast, func, select

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.events.models import Event
from evently.events.queries import get_managed_event, is_managed_by
from evently.extensions import db
from evently.reporting.models import EventDay, EventTotal, OrganizerDay

# How many events are named at most: those with the most bookings, and those that are fullest.
MOST_POPULAR, MOST_UTILISED = 10, 1000


@dataclass(frozen=True)
class Popularity:
    """An event and its bookings, not tickets, that are confirmed now."""

    event_id: uuid.UUID
    name: str
    bookings: int


@dataclass(frozen=True)
class Utilization:
    """An event and how much of its capacity is taken, in percent."""

    event_id: uuid.UUID
    name: str
    utilization_percentage: float


@dataclass(frozen=True)
class Overview:
    """Over every event that somebody manages; `total_bookings` are confirmed now."""

    total_bookings: int
    most_popular_events: Sequence[Popularity]
    capacity_utilization: Sequence[Utilization]


@dataclass(frozen=True)
class DailyBookings:
    """Bookings made on a day in UTC and confirmed now."""

    date: dt.date
    bookings: int


@dataclass(frozen=True)
class EventReport:
    """One event; `cancellation_rate` is in percent of all its bookings that were ever confirmed."""

    event_id: uuid.UUID
    total_bookings: int
    cancellation_rate: float
    daily_bookings: Sequence[DailyBookings]


def get_overview(*, by: User, most_utilised: int = MOST_UTILISED) -> Overview:
    """Raises NotAllowed for people who do not organize."""
    is_mine = is_managed_by(by)
    return Overview(
        total_bookings=_count_confirmed(by),
        most_popular_events=_most_popular(by),
        capacity_utilization=_utilization(most_utilised, is_mine, Event.archived_at.is_(None)),
    )


def get_event_report(*, by: User, event_id: uuid.UUID) -> EventReport:
    """Raises NotFound, NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    total = select(EventTotal.bookings, EventTotal.ever_confirmed).where(EventTotal.event_id == event_id)
    confirmed, ever = db.session.execute(total).one_or_none() or (0, 0)
    bookings = func.sum(EventDay.bookings)
    daily = select(EventDay.day, bookings).where(EventDay.event_id == event_id).group_by(EventDay.day)
    rows = db.session.execute(daily.having(bookings > 0).order_by(EventDay.day))
    return EventReport(
        event_id=event_id,
        total_bookings=confirmed,
        cancellation_rate=percent(ever - confirmed, ever),
        daily_bookings=[DailyBookings(day, int(count)) for day, count in rows],
    )


def _count_confirmed(by: User) -> int:
    # An event that is put away has none.
    query = select(func.sum(EventTotal.bookings))
    if not can_manage_every_event(by):
        query = select(func.sum(OrganizerDay.bookings)).where(OrganizerDay.organizer_id == by.id)
    return int(db.session.scalar(query) or 0)


def _most_popular(by: User) -> list[Popularity]:
    # The names of the first few only: reading all events for them would take ten times as long.
    first = select(EventTotal.event_id, EventTotal.bookings).where(EventTotal.bookings > 0)
    if not can_manage_every_event(by):
        first = first.where(EventTotal.event_id.in_(select(Event.id).where(Event.organizer_id == by.id)))
    top = first.order_by(EventTotal.bookings.desc(), EventTotal.event_id).limit(MOST_POPULAR).subquery()
    query = select(Event.id, Event.name, top.c.bookings).join(top, top.c.event_id == Event.id)
    return [Popularity(*row) for row in db.session.execute(query.order_by(top.c.bookings.desc(), Event.id))]


def _utilization(most: int, *conditions: ColumnElement[bool]) -> list[Utilization]:
    taken = func.coalesce(EventTotal.tickets, 0)
    query = select(Event.id, Event.name, taken, Event.capacity).outerjoin(EventTotal, EventTotal.event_id == Event.id).where(*conditions)
    # As a float: exact numbers take PostgreSQL a third longer.
    query = query.order_by((cast(taken, Float) / Event.capacity).desc(), Event.time.desc(), Event.id)
    return [
        Utilization(event_id, name, percent(tickets, seats)) for event_id, name, tickets, seats in db.session.execute(query.limit(most))
    ]


def percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
