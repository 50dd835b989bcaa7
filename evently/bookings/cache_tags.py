"""What changes about bookings, by name; see evently/tagged_cache.py."""

import uuid

from evently.bookings.allocator import BatchResult
from evently.bookings.models import Booking
from evently.bookings.signals import bookings_decided
from evently.tagged_cache import invalidate, invalidate_on_write

# whatever figures over many events are made of
SALES = "sales"
ALL_SALES = "sales:*"


def sales_tag(event_id: uuid.UUID) -> tuple[str, str]:
    """What figures about the bookings of one event are made of."""
    return f"sales:{event_id}", ALL_SALES


@bookings_decided.connect
def _invalidate_decided(outcome: BatchResult) -> None:
    # The allocator writes past the session.
    invalidate(SALES, f"sales:{outcome.event_id}")


invalidate_on_write(Booking, lambda booking: [SALES, f"sales:{booking.event_id}"], [SALES, ALL_SALES], writes=("update", "delete"))
