"""Letting tickets in at the door: each seat once, whoever else stands at another door with a copy of it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm.attributes import set_committed_value

from evently.accounts.models import User
from evently.audit.services import record
from evently.bookings import check_in_window
from evently.bookings.models import CONFIRMED, Booking, CheckIn
from evently.bookings.signals import check_ins_undone, tickets_checked_in
from evently.bookings.ticket_codes import decode_code, encode_code, read_signed, spaced
from evently.bookings.tickets import has_tickets
from evently.database import transaction, utc_now
from evently.errors import NotFound
from evently.events.models import PUBLISHED, Event
from evently.events.queries import get_managed_event
from evently.extensions import db


class ScanOutcome(StrEnum):
    """What a door says to a ticket."""

    VALID = "valid"
    USED = "used"
    VOID = "void"
    WRONG_EVENT = "wrong_event"
    UNKNOWN = "unknown"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"


@dataclass(frozen=True)
class ScanResult:
    """The verdict, and whom it is about: nobody where the ticket is unknown.

    `admissions` are those just written where it is valid, and those that were there before where it is used. Where the door
    is not open, `seats` are those that would have come in.
    """

    verdict: ScanOutcome
    booking: Booking | None = None
    seats: Sequence[int] = ()
    admissions: Sequence[CheckIn] = ()
    # Seats of the same booking that have not come in.
    missing: Sequence[int] = ()

    @property
    def code(self) -> str:
        """Of the ticket, where the answer is about one."""
        return spaced(encode_code(self.booking.seq, self.seats[0])) if self.booking and len(self.seats) == 1 else ""


def check_in(*, by: User, event_id: uuid.UUID, code: str, gate: str = "", anyway: bool = False) -> ScanResult:
    """Let in whoever shows this: what a QR code says, or the code that people say; `anyway`: even while the door is closed.

    Raises NotFound, NotAllowed.
    """
    seq, seat = decode_code((read_signed(code) or "") if "." in code else code) or (0, 0)
    return _check_in(by, event_id, Booking.seq == seq, (seat,), gate=gate, anyway=anyway)


def check_in_seats(
    *, by: User, event_id: uuid.UUID, booking_id: uuid.UUID, seats: Collection[int] | None = None, gate: str = "", anyway: bool = False
) -> ScanResult:
    """Let in seats of a booking, without their tickets; None: all of them. Otherwise as `admit`."""
    return _check_in(by, event_id, Booking.id == booking_id, seats, gate=gate, anyway=anyway)


def undo_check_in(*, by: User, event_id: uuid.UUID, booking_id: uuid.UUID, seat: int) -> Booking:
    """As if this seat had not come in. Raises NotFound, also where it had not; NotAllowed."""
    with transaction() as session:
        get_managed_event(by=by, event_id=event_id)
        booking = _locked(Booking.id == booking_id)
        row = session.get(CheckIn, (booking.seq, seat), populate_existing=True) if booking and booking.event_id == event_id else None
        if booking is None or row is None:
            raise NotFound("Nobody has come in with this ticket.")
        session.delete(row)
        session.flush()
        changes = {"seat": (seat, None), "admitted_at": (row.admitted_at, None), "gate": (row.gate, None)}
        record(actor_id=by.id, action="booking.admission_undone", subject="booking", subject_id=booking.id, changes=changes)
        check_ins_undone.send(event_id, moments=[row.admitted_at])
    return booking


def insert_check_ins(*, event_id: uuid.UUID, seats: Sequence[tuple[int, int]], by_id: int, gate: str = "") -> list[CheckIn]:
    """Let these in, each the `seq` of a booking and a seat of it. The caller holds the locks of the bookings."""
    common = {"event_id": event_id, "gate": gate, "admitted_by_id": by_id, "admitted_at": utc_now()}
    values = [{"booking_seq": seq, "seat": seat, **common} for seq, seat in seats]
    rows = [CheckIn(**row) for row in values]
    if rows:
        db.session.execute(insert(CheckIn), values)
        tickets_checked_in.send(event_id, rows=rows)
    return rows


def _check_in(
    by: User, event_id: uuid.UUID, which: ColumnElement[bool], seats: Collection[int] | None, *, gate: str, anyway: bool
) -> ScanResult:
    with transaction():
        event = get_managed_event(by=by, event_id=event_id)
        booking = _locked(which)
        if booking is None or not has_tickets(booking):
            return ScanResult(ScanOutcome.UNKNOWN)
        wanted = range(1, booking.ticket_count + 1) if seats is None else sorted(seats)
        if not all(1 <= seat <= booking.ticket_count for seat in wanted):
            return ScanResult(ScanOutcome.UNKNOWN)
        if refusal := _refusal(event, booking):
            return ScanResult(refusal, booking, wanted)
        there = _record(booking)
        new = [seat for seat in wanted if seat not in there]
        missing = [seat for seat in range(1, booking.ticket_count + 1) if seat not in there and seat not in new]
        if not new:
            return ScanResult(ScanOutcome.USED, booking, wanted, [there[seat] for seat in wanted], missing)
        closed = _closed(event)
        if closed and not anyway:
            return ScanResult(closed, booking, new)
        return ScanResult(ScanOutcome.VALID, booking, new, _insert_and_notify(by, booking, new, gate.strip(), closed), missing)


def _refusal(event: Event, booking: Booking) -> ScanOutcome | None:
    if booking.event_id != event.id:
        return ScanOutcome.WRONG_EVENT
    return None if booking.status == CONFIRMED and event.status == PUBLISHED else ScanOutcome.VOID


def _closed(event: Event) -> ScanOutcome | None:
    return ScanOutcome.TOO_EARLY if check_in_window.is_early(event) else ScanOutcome.TOO_LATE if check_in_window.is_over(event) else None


def _record(booking: Booking) -> dict[int, CheckIn]:
    """By seat. Under the booking's lock, so another door's row is here to be seen; the primary key stands behind both."""
    query = select(CheckIn).where(CheckIn.booking_seq == booking.seq).order_by(CheckIn.seat)
    return {row.seat: row for row in db.session.scalars(query.execution_options(populate_existing=True))}


def _insert_and_notify(by: User, booking: Booking, seats: Sequence[int], gate: str, closed: ScanOutcome | None) -> list[CheckIn]:
    rows = insert_check_ins(event_id=booking.event_id, seats=[(booking.seq, seat) for seat in seats], by_id=by.id, gate=gate)
    for row in rows:
        set_committed_value(row, "admitted_by", by)
    if closed:
        changes = {"seats": (None, ", ".join(map(str, seats))), "gate": (None, gate)}
        record(actor_id=by.id, action="booking.admitted_anyway", subject="booking", subject_id=booking.id, changes=changes)
    return rows


def _locked(which: ColumnElement[bool]) -> Booking | None:
    """So that nobody cancels it, or lets it in, at the same moment."""
    query = select(Booking).where(which).with_for_update(of=Booking, key_share=True)
    return db.session.scalar(query.execution_options(populate_existing=True))
