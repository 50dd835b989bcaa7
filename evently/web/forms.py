"""The form of the booking box: it checks shape, the services check rules."""

from wtforms import HiddenField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from evently.bookings.prices import Price
from evently.events.validation import MAX_PRICE
from evently.http.forms import AmountField, PlainForm, WholeNumberField

NUMBER = "Enter a whole number of tickets, such as 2."


class BookingForm(PlainForm):
    # newer than the types of wtforms
    tickets = WholeNumberField("How many tickets?", [InputRequired(NUMBER)], invalid_value_message=NUMBER)  # type: ignore[call-arg]
    # Of one ticket, as the page showed it.
    price = AmountField(validators=[Optional(), NumberRange(0, MAX_PRICE)], widget=HiddenInput())
    currency = HiddenField(validators=[Optional(), Length(3, 3)])

    @property
    def shown_price(self) -> Price | None:
        return None if self.price.data is None else Price(self.price.data, self.currency.data or None)
