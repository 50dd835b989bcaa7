"""What an organizer's events brought so far, counted from the bookings and from the door."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select

from evently.accounts.models import User
from evently.bookings.models import SEAT_HOLDING, Admission, Booking
from evently.database import utc_now
from evently.events.models import Event
from evently.events.queries import is_managed_by
from evently.extensions import db

WEEK = dt.timedelta(days=7)


@dataclass
class Figures:
    """Tickets that hold seats, those of them for events to come, and the money for all of them by currency.

    `this_week` and `week_before` are tickets booked in the last seven days and in the seven before, and still held;
    `admitted` are those of events that have begun which opened the door. A currency that brought nothing is not named.
    """

    tickets: int = 0
    upcoming_tickets: int = 0
    this_week: int = 0
    week_before: int = 0
    admitted: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)

    @property
    def past_tickets(self) -> int:
        return self.tickets - self.upcoming_tickets

    @property
    def check_in_rate(self) -> float | None:
        """In percent; None before the first event has begun."""
        return round(100 * self.admitted / self.past_tickets, 1) if self.past_tickets else None

    @property
    def change(self) -> int:
        """Tickets of this week over those of the week before."""
        return self.this_week - self.week_before


def get_figures(*, by: User) -> Figures:
    """Over every event this person manages. Raises NotAllowed for people who do not organize."""
    figures, now = Figures(), utc_now()
    is_counted = (is_managed_by(by), Event.archived_at.is_(None), Booking.status.in_(SEAT_HOLDING))
    made = Booking.booking_date
    sums = (
        func.sum(Booking.ticket_count),
        _tickets(Event.time > now),
        _tickets(made > now - WEEK),
        _tickets((made > now - 2 * WEEK) & (made <= now - WEEK)),
        func.sum(Booking.total_amount),
    )
    query = select(Booking.currency, *sums).join(Event, Booking.event_id == Event.id).where(*is_counted).group_by(Booking.currency)
    for currency, tickets, upcoming, this_week, week_before, amount in db.session.execute(query.order_by(sums[-1].desc())):
        figures.tickets += tickets
        figures.upcoming_tickets += upcoming
        figures.this_week += this_week
        figures.week_before += week_before
        if amount:
            figures.revenue[currency] = amount
    entered = select(func.count()).select_from(Admission).join(Booking, Booking.seq == Admission.booking_seq)
    entered = entered.join(Event, Event.id == Booking.event_id).where(*is_counted, Event.time <= now)
    figures.admitted = db.session.scalar(entered) or 0
    return figures


def _tickets(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(Booking.ticket_count).filter(condition), 0)
