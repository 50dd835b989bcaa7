"""People, for superusers."""

from marshmallow import fields

from evently.accounts.account_deletion import PREFIX_LENGTH
from evently.api.fields import Integer, StrictBoolean, Text
from evently.api.schemas.accounts import Registration
from evently.api.schemas.base import RequestSchema, ResponseSchema, text


class NewStaff(Registration):
    """The registration of a staff account by a superuser."""


class Staff(ResponseSchema):
    id = Integer()
    username = Text()
    email = Text()
    is_staff = fields.Boolean()


class PeopleToDelete(RequestSchema):
    prefix = text(
        PREFIX_LENGTH.stop - 1,
        required=True,
        metadata={"minLength": PREFIX_LENGTH.start, "description": "How their usernames begin, in any case."},
    )
    dry_run = StrictBoolean(load_default=False, metadata={"description": "Only count them."})


class DeletedPeople(ResponseSchema):
    deleted_users = Integer(least=0, metadata={"description": "How many were deleted; with `dry_run`, how many would be."})
    prefix = Text()
