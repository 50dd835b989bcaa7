"""What an organizer's events have brought so far, read from the roll-ups."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from evently.accounts.models import User
from evently.database import CENT, utc_now
from evently.events.models import Event
from evently.events.queries import is_managed_by
from evently.extensions import db
from evently.reporting.models import EventDay, EventTotal
from evently.reporting.queries import percent

WEEK = dt.timedelta(days=7)
# What `Sales.add` takes, and the currency that brought most before the others.
SUMS = (func.sum(EventDay.tickets), func.sum(EventDay.cents))
WORTH = SUMS[1].desc()


@dataclass
class Sales:
    """Tickets that hold seats, and the money for them by currency; one that brought nothing is not named."""

    tickets: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)

    def add(self, currency: str, tickets: int, cents: int) -> None:
        self.tickets += int(tickets)
        if cents:
            self.revenue[currency] = Decimal(int(cents)) / 100


@dataclass
class SalesSummary(Sales):
    """Of those tickets: booked in these seven days and in the seven before, by the day in UTC, for events that have
    begun, and of these last, how many opened the door. `earned`: by currency the money of either week.
    """

    this_week: int = 0
    week_before: int = 0
    past_tickets: int = 0
    admitted: int = 0
    earned: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def check_in_rate(self) -> float | None:
        """In percent; None before the first event has begun."""
        return percent(self.admitted, self.past_tickets) if self.past_tickets else None

    @property
    def change(self) -> int:
        """Tickets of this week over those of the week before."""
        return self.this_week - self.week_before


def get_sales_summary(*, by: User) -> SalesSummary:
    """Over every event this person manages. Raises NotAllowed for people who do not organize."""
    figures, now = SalesSummary(), utc_now()
    is_counted = (is_managed_by(by), Event.archived_at.is_(None))
    day, week, fortnight = EventDay.day, now.date() - WEEK, now.date() - 2 * WEEK
    weeks = [
        _within(column, when) for column in (EventDay.tickets, EventDay.cents) for when in (day > week, (day > fortnight) & (day <= week))
    ]
    query = select(EventDay.currency, *SUMS, *weeks).join(Event, EventDay.event_id == Event.id).where(*is_counted)
    for currency, tickets, cents, *lately in db.session.execute(query.group_by(EventDay.currency).order_by(WORTH)):
        figures.add(currency, tickets, cents)
        this_week, week_before, earned, earned_before = map(int, lately)
        figures.this_week += this_week
        figures.week_before += week_before
        figures.earned[currency] = (earned * CENT, earned_before * CENT)
    held, admitted = (func.coalesce(func.sum(column), 0) for column in (EventTotal.tickets, EventTotal.admitted))
    door = select(held, admitted).join(Event, EventTotal.event_id == Event.id).where(*is_counted, Event.time <= now)
    figures.past_tickets, figures.admitted = map(int, db.session.execute(door).one())
    return figures


def list_sales(*, by: User, event_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Sales]:
    """By event, for those of them that this person manages; an event without sales has empty ones."""
    sales = {event_id: Sales() for event_id in event_ids}
    query = select(EventDay.event_id, EventDay.currency, *SUMS).join(Event, EventDay.event_id == Event.id)
    query = query.where(is_managed_by(by), Event.archived_at.is_(None), EventDay.event_id.in_(event_ids))
    for event_id, currency, tickets, cents in db.session.execute(query.group_by(EventDay.event_id, EventDay.currency).order_by(WORTH)):
        sales[event_id].add(currency, tickets, cents)
    return sales


def _within(column: InstrumentedAttribute[int], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column).filter(condition), 0)
