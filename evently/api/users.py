"""People, for superusers."""

from typing import Any, cast

from evently.accounts import account_deletion, services
from evently.accounts.models import User
from evently.accounts.validation import ProfileFields
from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.schemas.users import DeletedPeople, NewStaff, PeopleToDelete, Staff


@endpoint("POST", "/admin/users/staff/", body=NewStaff, answer=Staff, status=201, refuses=("not_a_superuser", "email_limit"))
def create_staff(body: dict[str, Any]) -> User:
    """Create an account that manages every event."""
    username, password = body.pop("username"), body.pop("password")
    return services.create_staff(by=caller(), username=username, password=password, profile=cast("ProfileFields", body))


@endpoint("POST", "/admin/users/bulk_delete/", body=PeopleToDelete, answer=DeletedPeople, refuses=("not_a_superuser",))
def delete_users(body: dict[str, Any]) -> dict[str, Any]:
    """Delete everybody whose username begins like this, but no organizers, staff or superusers.

    Their tickets for events to come go back on sale. Whoever has a history is anonymised instead, so that it stays.
    """
    return {"deleted_users": account_deletion.delete_users(by=caller(), **body), "prefix": body["prefix"]}
