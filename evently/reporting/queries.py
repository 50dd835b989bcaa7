"""Figures for those who manage events, counted from the rows themselves."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Date, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from evently.accounts.models import User
from evently.bookings.models import CANCELLED, CONFIRMED, Booking
from evently.events.models import Event, TicketStock
from evently.events.queries import get_managed_event, is_managed_by
from evently.extensions import db

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


class utc_day(GenericFunction[dt.date]):  # noqa: N801 - it reads like the SQL function it is
    """The day on which a moment falls in UTC."""

    type = Date()
    inherit_cache = True


@compiles(utc_day)
def _utc_day(element: utc_day, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    # SQLite keeps moments in UTC; PostgreSQL turns them into the session's zone unless told otherwise.
    return f"date({moment})" if compiler.dialect.name == "sqlite" else f"date(timezone('UTC', {moment}))"


def get_overview(*, by: User) -> Overview:
    """Raises NotAllowed for people who do not organize."""
    is_counted = (is_managed_by(by), Event.archived_at.is_(None))
    return Overview(
        total_bookings=_count_confirmed(*is_counted),
        most_popular_events=_most_popular(*is_counted),
        capacity_utilization=_utilization(*is_counted),
    )


def get_event_report(*, by: User, event_id: uuid.UUID) -> EventReport:
    """Raises NotFound, NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    is_of_event = Booking.event_id == event_id
    # A booking that was cancelled in the queue was never decided.
    was_confirmed = Booking.status.in_([CONFIRMED, CANCELLED]) & Booking.decided_at.is_not(None)
    counts = select(func.count().filter(Booking.status == CONFIRMED), func.count()).where(is_of_event, was_confirmed)
    confirmed, ever = db.session.execute(counts).one()
    day = utc_day(Booking.booking_date)
    daily = select(day, func.count()).where(is_of_event, Booking.status == CONFIRMED).group_by(day).order_by(day)
    return EventReport(
        event_id=event_id,
        total_bookings=confirmed,
        cancellation_rate=_percent(ever - confirmed, ever),
        daily_bookings=[DailyBookings(*row) for row in db.session.execute(daily)],
    )


def _count_confirmed(*conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(Booking).join(Event, Booking.event_id == Event.id)
    return db.session.scalar(query.where(Booking.status == CONFIRMED, *conditions)) or 0


def _most_popular(*conditions: ColumnElement[bool]) -> list[Popularity]:
    bookings = func.count().label("bookings")
    query = select(Event.id, Event.name, bookings).select_from(Booking).join(Event, Booking.event_id == Event.id)
    query = query.where(Booking.status == CONFIRMED, *conditions).group_by(Event.id, Event.name)
    return [Popularity(*row) for row in db.session.execute(query.order_by(bookings.desc(), Event.id).limit(MOST_POPULAR))]


def _utilization(*conditions: ColumnElement[bool]) -> list[Utilization]:
    taken, seats = func.sum(TicketStock.reserved), func.sum(TicketStock.capacity)
    query = select(Event.id, Event.name, taken, seats).join(TicketStock, TicketStock.event_id == Event.id).where(*conditions)
    query = query.group_by(Event.id, Event.name).order_by((taken * 1.0 / seats).desc(), Event.time.desc(), Event.id)
    rows = db.session.execute(query.limit(MOST_UTILISED))
    return [Utilization(event_id, name, _percent(int(taken), int(seats))) for event_id, name, taken, seats in rows]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
