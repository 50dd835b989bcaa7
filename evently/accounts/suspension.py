"""Shutting somebody out, and letting them in again."""

from sqlalchemy import delete

from evently.accounts import sessions
from evently.accounts.models import ApiToken, User
from evently.accounts.policies import require_people_manager
from evently.accounts.services import locked
from evently.database import transaction
from evently.errors import Conflict


def suspend(*, by: User, user_id: int) -> User:
    """From now on they cannot sign in; sessions and tokens end at once. Bookings stay. Raises NotAllowed, NotFound, Conflict."""
    require_people_manager(by)
    if by.id == user_id:
        raise Conflict("You cannot suspend yourself.", code="yourself")
    with transaction() as session:
        user = locked(user_id)
        user.is_active = False
        session.execute(delete(ApiToken).where(ApiToken.user_id == user.id))
        sessions.end_all([user])
    return user


def reinstate(*, by: User, user_id: int) -> User:
    """They can sign in again, and make new tokens. Raises NotAllowed, NotFound, Conflict ("account_closed")."""
    require_people_manager(by)
    with transaction():
        user = locked(user_id)
        if user.anonymised_at:
            raise Conflict("This account was closed for good.", code="account_closed")
        user.is_active = True
    return user
