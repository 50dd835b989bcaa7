"""What changes about bookings, by name; see evently/caching.py."""

import uuid

from evently.bookings.allocation import Outcome
from evently.bookings.models import Booking
from evently.bookings.signals import bookings_decided
from evently.caching import changed, follow

# whatever figures over many events are made of
SALES = "sales"
EVERY_SALE = "sales:*"


def of_sales(event_id: uuid.UUID) -> tuple[str, str]:
    """What figures about the bookings of one event are made of."""
    return f"sales:{event_id}", EVERY_SALE


@bookings_decided.connect
def _note_decisions(outcome: Outcome) -> None:
    # The allocator writes past the session.
    changed(SALES, f"sales:{outcome.event_id}")


follow(Booking, lambda booking: [SALES, f"sales:{booking.event_id}"], [SALES, EVERY_SALE], writes=("update", "delete"))
