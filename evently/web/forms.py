"""The forms of attendees: they check shape, the services check rules."""

from typing import Any

from wtforms import BooleanField, EmailField, Form, IntegerField, PasswordField, StringField, TelField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from evently.errors import DomainError

NUMBER = "Enter a whole number of tickets, such as 2."


class PlainForm(Form):
    """A form that also shows what a service had to say."""

    def add_refusal(self, error: DomainError) -> None:
        """Put a service's messages beside the fields they name, and the rest above the form."""
        known = {name: messages for name, messages in error.fields.items() if name in self._fields}
        for name, messages in known.items():
            self._fields[name].errors = [*self._fields[name].errors, *messages]
        if not known:
            self.form_errors.append(error.message)


class WholeNumberField(IntegerField):
    """A whole number that says so in our words when it is none."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(NUMBER) from None


class BookingForm(PlainForm):
    tickets = WholeNumberField("How many tickets?", [InputRequired(NUMBER)])


class LoginForm(PlainForm):
    username = StringField("Username or e-mail", [DataRequired("Enter your username or e-mail address.")])
    password = PasswordField("Password", [DataRequired("Enter your password.")])
    remember = BooleanField("Stay signed in")


class ProfileForm(PlainForm):
    email = EmailField("E-mail", [DataRequired("Enter your e-mail address."), Length(max=254)])
    first_name = StringField("First name")
    last_name = StringField("Last name")
    phone_number = TelField("Phone number")
    address = TextAreaField("Address")


class RegisterForm(PlainForm):
    email = EmailField("E-mail", [DataRequired("Enter your e-mail address."), Length(max=254)])
    username = StringField("Username", [DataRequired("Choose a username.")])
    password = PasswordField("Password", [DataRequired("Choose a password.")])
    first_name = StringField("First name")
    last_name = StringField("Last name")
