"""Accounts and tokens."""

from marshmallow import fields

from evently.accounts.validation import LENGTHS, PASSWORD_LENGTH
from evently.api.fields import DateTime, Integer, Text
from evently.api.schemas.base import RequestSchema, ResponseSchema, text


class Registration(RequestSchema):
    username = text(150, required=True)
    email = text(254, required=True)
    password = text(PASSWORD_LENGTH.stop - 1, required=True, metadata={"minLength": PASSWORD_LENGTH.start})
    first_name = text(LENGTHS["first_name"])
    last_name = text(LENGTHS["last_name"])
    phone_number = text(LENGTHS["phone_number"])
    address = text(LENGTHS["address"])


class ProfileChanges(Registration):
    class Meta(RequestSchema.Meta):
        exclude = ("username", "password")

    email = text(254, metadata={"description": "Pending until the link sent to it is opened; needs `current_password`."})
    current_password = text(metadata={"description": "Needed to change `email`."})


class Credentials(RequestSchema):
    username = text(required=True, metadata={"description": "Username or e-mail address."})
    password = text(required=True)


class Registered(ResponseSchema):
    id = Integer()
    username = Text()
    email = Text()
    token = Text()
    expires_at = DateTime(metadata={"description": "When the token ends if it is not used."})


class LoggedIn(ResponseSchema):
    token = Text()
    expires_at = DateTime(metadata={"description": "When the token ends if it is not used."})


class LoggedOut(ResponseSchema):
    status = Text()


class Profile(ResponseSchema):
    id = Integer()
    username = Text()
    email = Text()
    first_name = Text()
    last_name = Text()
    phone_number = Text()
    address = Text()
    is_staff = fields.Boolean()
    is_superuser = fields.Boolean()
    is_email_confirmed = fields.Boolean()
    pending_email = Text(allow_none=True, metadata={"description": "A new address that waits until the link sent to it is opened."})
