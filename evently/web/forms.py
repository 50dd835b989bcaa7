"""The forms of attendees: they check shape, the services check rules."""

from wtforms import BooleanField, EmailField, PasswordField, StringField, TelField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from evently.http.forms import PlainForm, WholeNumberField

NUMBER = "Enter a whole number of tickets, such as 2."


class BookingForm(PlainForm):
    # newer than the types of wtforms
    tickets = WholeNumberField("How many tickets?", [InputRequired(NUMBER)], invalid_value_message=NUMBER)  # type: ignore[call-arg]


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
