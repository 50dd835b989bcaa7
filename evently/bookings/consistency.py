"""The ledger check: the invariants of the booking engine over the whole database.

Each rule is one query that returns the rows which break it; a sound database returns none. The counter of seats
taken is the only thing that can be repaired from the rest, since it says nothing the bookings do not.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from evently.bookings.models import CANCELLED, CONFIRMED, FAILED, OCCUPYING_STATUSES, PENDING, PROCESSING, Booking
from evently.database import transaction, utc_now
from evently.events.models import CANCELLED as EVENT_CANCELLED
from evently.events.models import Event, TicketStock, TicketType
from evently.events.services import lock_inventory
from evently.extensions import db

# A booking that waits for longer than this is stuck: the sweep comes by every few seconds.
STUCK_AFTER = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Violation:
    """A row that breaks a rule; `row` is its key, `sentence` says what is wrong with it."""

    rule: str
    table: str
    row: str
    sentence: str


def check() -> Iterator[Violation]:
    """Every row that breaks an invariant; nothing when all is well."""
    for rule in (_counters, _capacities, _stockless_events, _states, _orphans, _stuck):
        yield from rule()


def repair_counters() -> int:
    """Set each counter that is off to the sum of its bookings, under its lock; how many were off."""
    event_ids = {uuid.UUID(breach.row) for breach in _counters(key=lambda row: row.event_id)}
    for event_id in event_ids:
        with transaction() as session:
            for row in lock_inventory(event_id):
                held = select(func.coalesce(func.sum(Booking.ticket_count), 0)).where(
                    Booking.ticket_type_id == row.ticket_type_id, Booking.status.in_(OCCUPYING_STATUSES)
                )
                # More tickets than seats is no counting error; it stays reported.
                row.reserved = min(int(session.scalar(held) or 0), row.capacity)
    return len(event_ids)


def _counters(key: Callable[[Any], object] = lambda row: row.ticket_type_id) -> Iterator[Violation]:
    held = (
        select(Booking.ticket_type_id, func.sum(Booking.ticket_count).label("tickets"))
        .where(Booking.status.in_(OCCUPYING_STATUSES))
        .group_by(Booking.ticket_type_id)
        .subquery()
    )
    tickets = func.coalesce(held.c.tickets, 0)
    query = (
        select(TicketStock.ticket_type_id, TicketStock.event_id, TicketStock.reserved, TicketStock.capacity, tickets.label("tickets"))
        .outerjoin(held, held.c.ticket_type_id == TicketStock.ticket_type_id)
        .where(or_(TicketStock.reserved != tickets, TicketStock.reserved > TicketStock.capacity))
    )
    for row in db.session.execute(query):
        sentence = f"seats counted as taken: {row.reserved}, tickets confirmed: {row.tickets}, capacity: {row.capacity}"
        yield Violation("reserved = Σ confirmed ≤ capacity", "ticket_stock", str(key(row)), sentence)


def _capacities() -> Iterator[Violation]:
    seats = func.sum(TicketStock.capacity)
    query = select(Event.id, Event.capacity, seats).join(TicketStock, TicketStock.event_id == Event.id)
    for event_id, capacity, stocked in db.session.execute(query.group_by(Event.id, Event.capacity).having(seats != Event.capacity)):
        yield Violation("an event's capacity = Σ its stock", "events", str(event_id), f"capacity {capacity}, stock {stocked}")


def _stockless_events() -> Iterator[Violation]:
    query = select(Event.id).outerjoin(TicketStock, TicketStock.event_id == Event.id).where(TicketStock.event_id.is_(None))
    for event_id in db.session.scalars(query):
        yield Violation("every event has stock", "events", str(event_id), "no stock row")


def _states() -> Iterator[Violation]:
    is_undecided = Booking.status.in_([PENDING, PROCESSING])
    rules: tuple[tuple[ColumnElement[bool], str], ...] = (
        (and_(is_undecided, Booking.decided_at.is_not(None)), "waiting, yet has a time of decision"),
        (and_(Booking.status.in_([CONFIRMED, FAILED]), Booking.decided_at.is_(None)), "decided, yet without a time of decision"),
        (and_(Booking.status == FAILED, Booking.failure_code.is_(None)), "failed without a reason"),
        (and_(Booking.status == CANCELLED, Booking.cancelled_at.is_(None)), "cancelled without a time"),
        (and_(Booking.status != CANCELLED, Booking.cancelled_at.is_not(None)), "not cancelled, yet has a time of cancelling"),
    )
    for is_broken, sentence in rules:
        yield from _bookings("each booking is decided once", select(Booking.id).where(is_broken), sentence)


def _orphans() -> Iterator[Violation]:
    other_event = select(Booking.id).join(TicketType, TicketType.id == Booking.ticket_type_id)
    other_event = other_event.where(TicketType.event_id != Booking.event_id)
    yield from _bookings("a ticket type belongs to the booking's event", other_event, "its ticket type is of another event")
    called_off = select(Booking.id).join(Event, Event.id == Booking.event_id)
    called_off = called_off.where(Event.status == EVENT_CANCELLED, Booking.status.in_([PENDING, PROCESSING, CONFIRMED]))
    yield from _bookings("no live booking of a cancelled event", called_off, "its event is cancelled")


def _stuck() -> Iterator[Violation]:
    query = select(Booking.id).where(Booking.status == PROCESSING, Booking.booking_date < utc_now() - STUCK_AFTER)
    yield from _bookings("nobody waits for longer than the sweep", query, "in line for more than a minute")


def _bookings(rule: str, query: Select[Any], sentence: str) -> Iterator[Violation]:
    for booking_id in db.session.scalars(query.order_by(Booking.seq)):
        yield Violation(rule, "bookings", str(booking_id), sentence)
