"""People, for superusers."""

from marshmallow import fields

from evently.accounts.leaving import PREFIX_LENGTH
from evently.api.fields import Text, TrueOrFalse, Whole
from evently.api.schemas.accounts import Registration
from evently.api.schemas.shapes import Answer, Shape, text


class NewStaff(Registration):
    """A registration, by somebody else."""


class Staff(Answer):
    id = Whole()
    username = Text()
    email = Text()
    is_staff = fields.Boolean()


class PeopleToDelete(Shape):
    prefix = text(
        PREFIX_LENGTH.stop - 1,
        required=True,
        metadata={"minLength": PREFIX_LENGTH.start, "description": "How their usernames begin, in any case."},
    )
    dry_run = TrueOrFalse(load_default=False, metadata={"description": "Only count them."})


class DeletedPeople(Answer):
    deleted_users = Whole(least=0, metadata={"description": "How many were deleted; with `dry_run`, how many would be."})
    prefix = Text()
