"""What a person may be besides an attendee: own events; every event; people too."""

from sqlalchemy import select

from evently.accounts.models import User
from evently.accounts.policies import require_people_manager
from evently.accounts.services import get_for_update
from evently.audit.services import record
from evently.database import transaction
from evently.errors import Conflict, Invalid, NotAllowed

ROLES = ("organizer", "staff", "superuser")


def change_role(*, by: User, user_id: int, role: str, is_held: bool) -> User:
    """Give somebody a role, or take it away. Raises NotAllowed, NotFound, Invalid, Conflict ("yourself", "account_closed")."""
    with transaction():
        user = get_other_user_for_update(by=by, user_id=user_id)
        if user.anonymised_at:
            raise Conflict("This account was closed for good.", code="account_closed")
        _set(user, role, is_held=is_held, by_id=by.id)
    return user


def set_role(*, user: User, role: str, is_held: bool = True) -> User:
    """As `change_role`, without asking anybody's leave: operators and the code that seeds a site come here."""
    with transaction():
        _set(user, role, is_held=is_held, by_id=None)
    return user


def get_other_user_for_update(*, by: User, user_id: int) -> User:
    """Whom a superuser is about to change, locked; within a transaction.

    So there is always one superuser left: nobody changes oneself, and of two who would demote each other the second
    is a superuser no more. Raises NotAllowed, NotFound, Conflict ("yourself").
    """
    require_people_manager(by)
    if by.id == user_id:
        raise Conflict("You cannot do this to yourself; ask another superuser.", code="yourself")
    if by.id not in lock_superusers():
        raise NotAllowed("Only superusers can do this.", code="not_a_superuser")
    return get_for_update(user_id)


def lock_superusers() -> set[int]:
    """Who may manage people, and nobody else becomes or ceases to be one of them meanwhile; within a transaction."""
    query = select(User.id).where(User.is_superuser, User.is_active).order_by(User.id).with_for_update(key_share=True)
    with transaction() as session:
        return set(session.scalars(query))


def _set(user: User, role: str, *, is_held: bool, by_id: int | None) -> None:
    if role not in ROLES:
        raise Invalid(f"The roles are {', '.join(ROLES)}.", fields={"role": ["There is no such role."]})
    name = f"is_{role}"
    if getattr(user, name) == is_held:
        return
    setattr(user, name, is_held)
    record(actor_id=by_id, action="user.role_changed", subject="user", subject_id=user.id, changes={name: (not is_held, is_held)})
