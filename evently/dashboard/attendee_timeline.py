"""What became of one booking so far: its decision, the mails about it, who came in."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evently.bookings.models import CANCELLED, FAILED, Booking
from evently.bookings.tickets import Ticket
from evently.http.formatting import counted
from evently.notifications.models import (
    BOOKING_CANCELLED,
    BOOKING_CONFIRMED,
    BOOKING_FAILED,
    EVENT_CANCELLED,
    EVENT_MESSAGE,
    EVENT_REMINDER,
    SENT,
    SUPPRESSED,
    Mail,
)
from evently.notifications.models import FAILED as NOT_SENT

MAILS = {
    BOOKING_CONFIRMED: "Tickets",
    BOOKING_FAILED: "Refusal",
    BOOKING_CANCELLED: "Cancellation",
    EVENT_CANCELLED: "End of the event",
    EVENT_MESSAGE: "Your message",
}
REASONS = {
    "sold_out": "There were not enough seats left.",
    "over_user_limit": "That would have been more than one person may hold.",
    "event_not_available": "The event could not be booked any more.",
    "event_started": "The event had started.",
}


@dataclass(frozen=True)
class Step:
    """`state` is done, now, failed or nothing for what is yet to come."""

    words: str
    time: dt.datetime | None
    state: str = "done"
    note: str = ""


def steps_of(booking: Booking, mails: Sequence[Mail], tickets: Sequence[Ticket]) -> list[Step]:
    """In the order in which they happened; what has not happened yet comes last."""
    # Whether a person gets reminders is a setting of an account, which may be none of the organizer's business.
    shown = [mail for mail in mails if booking.is_account_shared or mail.kind != EVENT_REMINDER]
    steps = [*_decisions(booking), *map(_mail, shown), *_arrivals(tickets)]
    return sorted(steps, key=lambda step: (step.time is None, step.time or booking.booking_date))


def _decisions(booking: Booking) -> Iterator[Step]:
    yield Step("Received", booking.booking_date)
    if booking.status == FAILED:
        yield Step("Not booked", booking.decided_at, "failed", REASONS.get(booking.failure_code or "", ""))
    elif booking.decided_at:
        yield Step("Confirmed", booking.decided_at)
    if booking.status == CANCELLED:
        yield Step("Cancelled", booking.cancelled_at, "failed")
    elif not booking.is_final:
        yield Step("Waiting in line", None, "now")


def _mail(mail: Mail) -> Step:
    what, to = MAILS.get(mail.kind, mail.kind.replace("_", " ").capitalize()), f"to {mail.contact.email}" if mail.contact.email else ""
    if mail.status == SENT:
        return Step(f"{what}: mail sent", mail.sent_at, note=to)
    if mail.status == NOT_SENT:
        return Step(f"{what}: mail not delivered", mail.created_at, "failed", f"{to}. {mail.reported_error or ''}".strip(". "))
    if mail.status == SUPPRESSED:
        return Step(f"{what}: mail not sent", mail.created_at, "failed", mail.reported_error or "")
    return Step(f"{what}: mail on its way", None, "now", to)


def _arrivals(tickets: Sequence[Ticket]) -> Iterator[Step]:
    """One for all who came together."""
    moments = sorted({ticket.admitted_at.replace(second=0, microsecond=0) for ticket in tickets if ticket.admitted_at})
    for minute in moments:
        seats = [ticket for ticket in tickets if ticket.admitted_at and ticket.admitted_at.replace(second=0, microsecond=0) == minute]
        first = min(ticket.admitted_at for ticket in seats if ticket.admitted_at)
        yield Step("Checked in", first, note=f"{counted(len(seats), 'seat')} of {len(tickets)}")
