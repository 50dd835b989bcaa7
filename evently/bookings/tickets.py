"""Tickets: one for each seat of a confirmed booking. There is no table of them, see ticket_codes.py."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from sqlalchemy import and_, select

from evently.accounts.models import User
from evently.bookings.models import CANCELLED, CONFIRMED, Booking, CheckIn
from evently.bookings.policies import can_see_booking
from evently.bookings.queries import get_booking
from evently.bookings.ticket_codes import decode_code, encode_code, sign_ticket, spaced
from evently.errors import NotFound
from evently.extensions import db


class TicketState(StrEnum):
    """What a door says to it: void tickets belong to bookings that are cancelled."""

    VALID = "valid"
    USED = "used"
    VOID = "void"


@dataclass(frozen=True)
class Ticket:
    """A seat, from 1, of a booking, and when it was let in."""

    booking: Booking
    seat: int
    admitted_at: dt.datetime | None = None

    @cached_property
    def code(self) -> str:
        """`7K4M 29QD`."""
        return spaced(encode_code(self.booking.seq, self.seat))

    @property
    def name(self) -> str:
        """The code as it stands in addresses."""
        return self.code.replace(" ", "-")

    @property
    def signed(self) -> str:
        """What its QR code says."""
        return sign_ticket(self.code.replace(" ", ""), self.booking.event_id)

    @property
    def state(self) -> TicketState:
        if self.booking.status != CONFIRMED:
            return TicketState.VOID
        return TicketState.USED if self.admitted_at else TicketState.VALID

    @property
    def price(self) -> Decimal:
        return self.booking.total_amount / self.booking.ticket_count


def get_ticket(*, by: User, code: str) -> Ticket:
    """However its code is written. Raises NotFound, also for tickets that this person may not see."""
    seq, seat = decode_code(code) or (0, 0)
    is_its = and_(CheckIn.booking_seq == Booking.seq, CheckIn.seat == seat)
    query = select(Booking, CheckIn.admitted_at).outerjoin(CheckIn, is_its).where(Booking.seq == seq, Booking.ticket_count >= seat)
    found = db.session.execute(query.execution_options(populate_existing=True)).one_or_none() if seq else None
    if found is None or not has_tickets(found[0]) or not can_see_booking(by, found[0]):
        raise NotFound("There is no such ticket.")
    return Ticket(found[0], seat, found[1])


def list_tickets(*, by: User, booking_id: uuid.UUID) -> list[Ticket]:
    """All tickets of a booking by seat; none where it never came to any. Raises NotFound."""
    booking = get_booking(by=by, booking_id=booking_id)
    admissions = db.session.execute(select(CheckIn.seat, CheckIn.admitted_at).where(CheckIn.booking_seq == booking.seq))
    return tickets_of(booking, {row.seat: row.admitted_at for row in admissions})


def tickets_of(booking: Booking, admitted_at: Mapping[int, dt.datetime] | None = None) -> list[Ticket]:
    """Without a look into the database; `admitted_at` says by seat who came."""
    seats = range(1, booking.ticket_count + 1) if has_tickets(booking) else ()
    return [Ticket(booking, seat, (admitted_at or {}).get(seat)) for seat in seats]


def has_tickets(booking: Booking) -> bool:
    """Whether it was confirmed, be it cancelled since."""
    return booking.status == CONFIRMED or (booking.status == CANCELLED and booking.decided_at is not None)
