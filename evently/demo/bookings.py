"""What the public of the demo has booked: decided by the allocator's own walk, written in bulk.

The queue itself would do, but it decides now and writes a mail to everybody; these bookings were made over weeks.
"""

import datetime as dt
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from evently.accounts.models import User
from evently.bookings.allocator import BatchResult, allocate
from evently.bookings.models import CANCELLED, CONFIRMED, FAILED, Booking
from evently.bookings.signals import bookings_cancelled, bookings_decided
from evently.demo.catalogue import DemoEvent
from evently.events.models import CANCELLED as EVENT_CANCELLED
from evently.events.models import Event, TicketStock
from evently.reporting.rollup_verification import rebuild

# Most people come in twos.
SIZES, WEIGHTS = (1, 2, 3, 4), (35, 45, 8, 12)
# How long tickets have been on sale.
ON_SALE = dt.timedelta(days=20), dt.timedelta(days=75)
# The part of that time after which the seats that are sold were sold; who comes later to a full house gets none.
SOLD_AT = 0.9
LATE_BUYER_SHARE = 4
# One in so many changes their mind.
CANCELLED_SHARE = 20
CANCELLED_EVENT_SHARE = dt.timedelta(days=2)
ALLOCATED_IN = dt.timedelta(milliseconds=40)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """Somebody who asked for tickets at that moment."""

    event: Event
    ticket_type_id: uuid.UUID
    user_id: int
    ticket_count: int
    at: dt.datetime
    cancelled_at: dt.datetime | None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    # The database numbers them when they are written.
    seq: int = 0

    def row(self, status: str, failure_code: str | None = None) -> dict[str, Any]:
        return {
            "id": self.id,
            "event_id": self.event.id,
            "ticket_type_id": self.ticket_type_id,
            "user_id": self.user_id,
            "ticket_count": self.ticket_count,
            "total_amount": self.event.price_per_ticket * self.ticket_count,
            "currency": self.event.currency,
            "status": status,
            "failure_code": failure_code,
            "booking_date": self.at,
            "decided_at": self.at + ALLOCATED_IN,
            "cancelled_at": self.cancelled_at,
        }


def generate_bookings(
    session: Session, events: Sequence[tuple[DemoEvent, Event]], *, public: Sequence[int], attendee: User, now: dt.datetime
) -> None:
    """Sell what the catalogue says is sold, and write to the attendee as if it had just been decided."""
    chance = random.Random("evently")  # noqa: S311 - the same demo every time, and nothing secret
    query = select(TicketStock).where(TicketStock.event_id.in_([event.id for _, event in events]))
    stock = {row.event_id: row for row in session.scalars(query)}
    rows: list[dict[str, Any]] = []
    for demo, event in events:
        box_office = BookingSimulator(demo, event, stock[event.id], now=now, chance=chance)
        rows += box_office.sell(public, attendee.id)
    session.flush()
    # In order of arrival, since the database numbers them so.
    session.execute(insert(Booking), sorted(rows, key=lambda row: row["booking_date"]))
    _tell(session, attendee, now)
    # Nobody was told of most of them.
    rebuild()


class BookingSimulator:
    """One event while its tickets are sold, from when it was published to its last sale or now."""

    def __init__(self, demo: DemoEvent, event: Event, stock: TicketStock, *, now: dt.datetime, chance: random.Random) -> None:
        self._demo, self._event, self._stock, self._chance = demo, event, stock, chance
        self._called_off_at = now - CANCELLED_EVENT_SHARE if event.status == EVENT_CANCELLED else None
        self._closed = (self._called_off_at or min(now, event.sales_close_at)) - dt.timedelta(hours=1)
        self._opened = self._closed - ON_SALE[0] - (ON_SALE[1] - ON_SALE[0]) * chance.random()
        event.created_at, event.updated_at = self._opened, self._called_off_at or self._opened

    def sell(self, public: Sequence[int], attendee_id: int) -> list[dict[str, Any]]:
        """The bookings as rows of their table; counts the seats they take."""
        requests = sorted(self._requests(public, attendee_id), key=lambda request: request.at)
        kept = {request.id: request for request in requests if request.cancelled_at is None}
        kind = self._stock.ticket_type_id
        limit = self._event.max_tickets_per_user
        outcome = allocate(self._event.id, kept.values(), free={kind: self._stock.capacity}, limit=limit)
        self._stock.reserved += outcome.taken.get(kind, 0)
        return [
            *(request.row(CANCELLED) for request in requests if request.cancelled_at),
            *(kept[request.id].row(CONFIRMED) for request in outcome.confirmed),
            *(kept[request.id].row(FAILED, code) for request, code in outcome.failed),
        ]

    def _requests(self, public: Sequence[int], attendee_id: int) -> Iterator[Request]:
        buyers = iter(self._chance.sample(public, len(public)))
        left, own = self._demo.sold, self._demo.attendee
        if own:
            yield self._request(attendee_id, own.tickets, is_late=own.is_late, is_given_back=own.is_given_back)
            left -= 0 if own.is_late or own.is_given_back else own.tickets
        most = self._demo.max_tickets_per_booking or max(SIZES)
        while left:
            tickets = min(left, most, *self._chance.choices(SIZES, WEIGHTS))
            yield self._request(next(buyers), tickets)
            left -= tickets
            if not self._is_full and self._chance.randrange(CANCELLED_SHARE) == 0:
                yield self._request(next(buyers), 1, is_given_back=True)
        if self._is_full:
            for _ in range(LATE_BUYER_SHARE):
                yield self._request(next(buyers), self._chance.randint(1, 2), is_late=True)

    @property
    def _is_full(self) -> bool:
        return self._demo.sold == self._demo.capacity

    def _request(self, user_id: int, tickets: int, *, is_late: bool = False, is_given_back: bool = False) -> Request:
        begin, end = (SOLD_AT, 1.0) if is_late else (0.0, SOLD_AT)
        at = self._opened + (self._closed - self._opened) * self._chance.uniform(begin, end)
        given_back_at = at + (self._closed - at) * self._chance.random() if is_given_back else None
        return Request(
            event=self._event,
            ticket_type_id=self._stock.ticket_type_id,
            user_id=user_id,
            ticket_count=tickets,
            at=at,
            cancelled_at=given_back_at or self._called_off_at,
        )


def _tell(session: Session, attendee: User, now: dt.datetime) -> None:
    """The mails a visitor of the demo looks for, and no others: what is ahead and what came to nothing."""
    for booking in session.scalars(select(Booking).where(Booking.user_id == attendee.id).order_by(Booking.seq)).unique():
        if booking.status == CONFIRMED and booking.event.time > now:
            bookings_decided.send(BatchResult(booking.event_id, confirmed=[booking]))
        elif booking.status == FAILED and booking.failure_code:
            bookings_decided.send(BatchResult(booking.event_id, failed=[(booking, booking.failure_code)]))
        elif booking.event.status == EVENT_CANCELLED:
            bookings_cancelled.send([booking.id], by_event=True)
