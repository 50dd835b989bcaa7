"""The forms of accounts: they check shape, the services check rules."""

from wtforms import BooleanField, EmailField, PasswordField, StringField, TelField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from evently.http.forms import PlainForm

# Not DataRequired, which takes eight spaces for nothing.
CURRENT = "Enter your password."
NEW = "Choose a password."


class LoginForm(PlainForm):
    username = StringField("Username or e-mail", [DataRequired("Enter your username or e-mail address.")])
    password = PasswordField("Password", [InputRequired(CURRENT)])
    remember = BooleanField("Stay signed in")


class RegisterForm(PlainForm):
    email = EmailField("E-mail", [DataRequired("Enter your e-mail address."), Length(max=254)])
    username = StringField("Username", [DataRequired("Choose a username.")])
    password = PasswordField("Password", [InputRequired(NEW)])
    first_name = StringField("First name")
    last_name = StringField("Last name")


class ProfileForm(PlainForm):
    first_name = StringField("First name")
    last_name = StringField("Last name")
    phone_number = TelField("Phone number")
    address = TextAreaField("Address")


class AddressForm(PlainForm):
    email = EmailField("New e-mail address", [DataRequired("Enter your e-mail address."), Length(max=254)])
    password = PasswordField("Your password", [InputRequired(CURRENT)])


class ForgotForm(PlainForm):
    username = StringField("Username or e-mail", [DataRequired("Enter your username or e-mail address."), Length(max=254)])


class NewPasswordForm(PlainForm):
    new_password = PasswordField("New password", [InputRequired(NEW)])


class ChangePasswordForm(PlainForm):
    password = PasswordField("Your password now", [InputRequired(CURRENT)])
    new_password = PasswordField("New password", [InputRequired(NEW)])


class TokenForm(PlainForm):
    name = StringField("What is it for?", [DataRequired("Give it a name.")])


class ClosingForm(PlainForm):
    password = PasswordField("Your password", [InputRequired(CURRENT)])
