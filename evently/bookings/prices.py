"""The price of a ticket that a buyer was shown, and the refusal when the event's price is another by now."""

from decimal import Decimal
from typing import NamedTuple

from evently.errors import Conflict
from evently.events.models import Event


class Price(NamedTuple):
    """Of one ticket. A client that knows no currency leaves it out, and then only the amounts are compared."""

    amount: Decimal
    currency: str | None = None

    def is_that_of(self, event: Event) -> bool:
        return self.amount == event.price_per_ticket and self.currency in {None, event.currency}


class PriceChangedError(Conflict):
    """Nothing is booked at a price that the buyer has not seen."""

    def __init__(self, shown: Price, event: Event) -> None:
        self.shown = shown.amount, shown.currency or event.currency
        self.current = event.price_per_ticket, event.currency
        now = f"{event.price_per_ticket:,.2f} {event.currency}"
        super().__init__(
            f"The price changed from {shown.amount:,.2f} to {now}; nothing was booked.",
            code="price_changed",
            fields={"expected_price": [f"A ticket costs {now} now."]},
        )
