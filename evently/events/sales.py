"""Where the sale of an event stands, in one word, for badges and booking boxes.

The booking service refuses by the same facts (and says why); this is what a page shows before anybody asks.
"""

from enum import StrEnum

from evently.database import utc_now
from evently.events.models import CANCELLED, DRAFT, Event


class SalesState(StrEnum):
    """In order of what matters most: a cancelled event is cancelled even when it was sold out."""

    DRAFT = "draft"
    CANCELLED = "cancelled"
    PAST = "past"
    SOON = "soon"
    ENDED = "ended"
    SOLD_OUT = "sold_out"
    FEW_LEFT = "few_left"
    OPEN = "open"


def sales_state(event: Event) -> SalesState:
    """The first of these that is true now."""
    now = utc_now()
    facts = (
        (event.status == DRAFT, SalesState.DRAFT),
        (event.status == CANCELLED, SalesState.CANCELLED),
        (event.has_started, SalesState.PAST),
        (event.sales_start is not None and now < event.sales_start, SalesState.SOON),
        (now >= event.last_sale, SalesState.ENDED),
        (event.is_sold_out, SalesState.SOLD_OUT),
        (event.has_few_left, SalesState.FEW_LEFT),
    )
    return next((state for is_so, state in facts if is_so), SalesState.OPEN)
