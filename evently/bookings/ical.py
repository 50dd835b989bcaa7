"""A booking in somebody's own calendar."""

from evently.bookings.models import CANCELLED, FAILED, Booking
from evently.bookings.tickets import tickets_of
from evently.events.ical import Entry
from evently.events.models import CANCELLED as EVENT_CANCELLED

# Codes that are named one by one; a crowd has a page for them.
NAMED = 10


def booking_entry(booking: Booking, *, address: str) -> Entry:
    """`address` is that of the booking's page."""
    event, tickets = booking.event, tickets_of(booking)
    count = "1 ticket" if booking.ticket_count == 1 else f"{booking.ticket_count} tickets"
    codes = ", ".join(ticket.code for ticket in tickets) if len(tickets) <= NAMED else ""
    lines = (event.summary, f"{count}: {codes}" if codes else count, f"Booking {booking.reference}", address)
    moments = (booking.booking_date, booking.decided_at, booking.cancelled_at, event.updated_at)
    return Entry(
        event=event,
        uid=booking.id,
        title=event.name,
        description="\n".join(line for line in lines if line),
        address=address,
        is_cancelled=booking.status in {CANCELLED, FAILED} or event.status == EVENT_CANCELLED,
        created=booking.booking_date,
        changed=max(moment for moment in moments if moment),
    )
