"""Where the sale of an event stands, in one word, for badges and booking boxes.

The booking service refuses by the same facts (and says why); this is what a page shows before anybody asks.
"""

from enum import StrEnum

from evently.database import utc_now
from evently.events.models import CANCELLED, DRAFT, Event


class SaleStatus(StrEnum):
    """In order of what matters most: a cancelled event is cancelled even when it was sold out."""

    DRAFT = "draft"
    CANCELLED = "cancelled"
    PAST = "past"
    SOON = "soon"
    ENDED = "ended"
    SOLD_OUT = "sold_out"
    FEW_LEFT = "few_left"
    OPEN = "open"


def sale_status(event: Event) -> SaleStatus:
    """The first of these that is true now."""
    now = utc_now()
    facts = (
        (event.status == DRAFT, SaleStatus.DRAFT),
        (event.status == CANCELLED, SaleStatus.CANCELLED),
        (event.has_started, SaleStatus.PAST),
        (event.sales_start is not None and now < event.sales_start, SaleStatus.SOON),
        (now >= event.sales_close_at, SaleStatus.ENDED),
        (event.is_sold_out, SaleStatus.SOLD_OUT),
        (event.is_almost_sold_out, SaleStatus.FEW_LEFT),
    )
    return next((state for is_so, state in facts if is_so), SaleStatus.OPEN)
