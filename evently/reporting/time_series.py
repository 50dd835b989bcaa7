"""Figures over days, for charts: read from the roll-ups, one row a day and currency."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, require_organizer
from evently.database import CENT, utc_now
from evently.events.models import Event
from evently.events.queries import get_managed_event, is_managed_by
from evently.extensions import db
from evently.reporting.models import CheckInBucket, EventDay, EventTotal, OrganizerDay
from evently.reporting.queries import percent


@dataclass
class SalesTotals:
    """What was booked and is confirmed now, and how many bookings ever were. A currency that brought nothing is not named."""

    bookings: int = 0
    tickets: int = 0
    ever_confirmed: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: "SalesTotals") -> None:
        self.bookings += other.bookings
        self.tickets += other.tickets
        self.ever_confirmed += other.ever_confirmed
        for currency, amount in other.revenue.items():
            self.revenue[currency] = self.revenue.get(currency, Decimal(0)) + amount

    @property
    def worth(self) -> list[tuple[str, Decimal]]:
        """The revenue, the currency that brought most before the others, as on the organizer's home."""
        return sorted(self.revenue.items(), key=lambda earned: (-earned[1], earned[0]))

    @property
    def cancelled(self) -> int:
        return self.ever_confirmed - self.bookings

    @property
    def cancellation_rate(self) -> float:
        return percent(self.cancelled, self.ever_confirmed)


@dataclass(frozen=True)
class Attendance:
    """Tickets of events that are over, or have begun, at whose door somebody was let in; and how many of them came."""

    tickets: int
    came: int

    @property
    def no_shows(self) -> int:
        # Whoever came and was cancelled afterwards came all the same.
        return max(0, self.tickets - self.came)

    @property
    def no_show_rate(self) -> float:
        return percent(self.no_shows, self.tickets)


@dataclass(frozen=True)
class EventFigures:
    """One event: by day of booking from the beginning, and tickets let in by the quarter of an hour."""

    event: Event
    days: dict[dt.date, SalesTotals]
    arrivals: dict[dt.datetime, int]
    attendance: Attendance


def total(days: Iterable[SalesTotals]) -> SalesTotals:
    both = SalesTotals()
    for sold in days:
        both.add(sold)
    return both


def list_days(*, by: User, first: dt.date | None, last: dt.date) -> dict[dt.date, SalesTotals]:
    """By day in UTC on which it was booked, over every event this person manages; days without any are left out.

    Raises NotAllowed for people who do not organize.
    """
    require_organizer(by)
    query = _sums(OrganizerDay, first, last)
    if not can_manage_every_event(by):
        query = query.where(OrganizerDay.organizer_id == by.id)
    return _by_day(query)


def get_event_figures(*, by: User, event_id: uuid.UUID, last: dt.date) -> EventFigures:
    """Raises NotFound, NotAllowed."""
    event = get_managed_event(by=by, event_id=event_id)
    checked_in = (
        select(CheckInBucket.since, CheckInBucket.tickets)
        .where(CheckInBucket.event_id == event_id, CheckInBucket.tickets > 0)
        .order_by(CheckInBucket.since)
    )
    return EventFigures(
        event=event,
        days=_by_day(_sums(EventDay, None, last).where(EventDay.event_id == event_id)),
        arrivals={row.since: row.tickets for row in db.session.execute(checked_in)},
        attendance=_attendance(Event.id == event_id),
    )


def get_attendance(*, by: User) -> Attendance:
    """Of all events that this person manages. Raises NotAllowed for people who do not organize."""
    require_organizer(by)
    return _attendance(is_managed_by(by), Event.archived_at.is_(None))


def _attendance(*conditions: ColumnElement[bool]) -> Attendance:
    query = select(func.sum(EventTotal.tickets), func.sum(EventTotal.admitted)).join(Event, Event.id == EventTotal.event_id)
    query = query.where(Event.time <= utc_now(), EventTotal.admitted > 0, *conditions)
    tickets, came = db.session.execute(query).one()
    return Attendance(int(tickets or 0), int(came or 0))


def _sums(model: type[OrganizerDay] | type[EventDay], first: dt.date | None, last: dt.date) -> Any:
    figures = (model.bookings, model.tickets, model.ever_confirmed, model.cents)
    query = select(model.day, model.currency, *map(func.sum, figures)).where(model.day <= last).group_by(model.day, model.currency)
    return query.where(model.day >= first) if first else query


def _by_day(query: Any) -> dict[dt.date, SalesTotals]:
    days: dict[dt.date, SalesTotals] = {}
    for day, currency, bookings, tickets, ever, cents in db.session.execute(query):
        revenue = {currency: int(cents) * CENT} if cents else {}
        days.setdefault(day, SalesTotals()).add(SalesTotals(int(bookings), int(tickets), int(ever), revenue))
    return days
