"""The form of the booking box: it checks shape, the services check rules."""

from wtforms.validators import InputRequired

from evently.http.forms import PlainForm, WholeNumberField

NUMBER = "Enter a whole number of tickets, such as 2."


class BookingForm(PlainForm):
    # newer than the types of wtforms
    tickets = WholeNumberField("How many tickets?", [InputRequired(NUMBER)], invalid_value_message=NUMBER)  # type: ignore[call-arg]
