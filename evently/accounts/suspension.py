"""Shutting somebody out, and letting them in again."""

from evently.accounts import sessions, tokens
from evently.accounts.models import User
from evently.accounts.roles import get_other_user_for_update
from evently.audit.services import record
from evently.database import transaction
from evently.errors import Conflict


def suspend(*, by: User, user_id: int) -> User:
    """From now on they cannot sign in; sessions and tokens end at once. Bookings stay. Raises NotAllowed, NotFound, Conflict."""
    with transaction():
        user = get_other_user_for_update(by=by, user_id=user_id)
        tokens.revoke_all([user])
        sessions.revoke_all([user])
        _set_active(user, by, is_active=False)
    return user


def reinstate(*, by: User, user_id: int) -> User:
    """They can sign in again, and make new tokens. Raises NotAllowed, NotFound, Conflict ("account_closed")."""
    with transaction():
        user = get_other_user_for_update(by=by, user_id=user_id)
        if user.anonymised_at:
            raise Conflict("This account was closed for good.", code="account_closed")
        _set_active(user, by, is_active=True)
    return user


def revoke_sessions(*, by: User, user_id: int) -> int:
    """Sign somebody out everywhere; of how many browsers. Raises NotAllowed, NotFound, Conflict ("yourself")."""
    with transaction():
        user = get_other_user_for_update(by=by, user_id=user_id)
        ended = sessions.revoke_others(user=user)
        if ended:
            _record(user, by, "user.sessions_ended", "sessions", (ended, 0))
    return ended


def revoke_tokens(*, by: User, user_id: int) -> int:
    """Revoke somebody's keys to the API; how many. Raises NotAllowed, NotFound, Conflict ("yourself")."""
    with transaction():
        user = get_other_user_for_update(by=by, user_id=user_id)
        ended = tokens.revoke_all([user])
        if ended:
            _record(user, by, "user.tokens_revoked", "tokens", (ended, 0))
    return ended


def _set_active(user: User, by: User, *, is_active: bool) -> None:
    if user.is_active == is_active:
        return
    user.is_active = is_active
    _record(user, by, "user.reinstated" if is_active else "user.suspended", "is_active", (not is_active, is_active))


def _record(user: User, by: User, action: str, name: str, change: tuple[int, int]) -> None:
    record(actor_id=by.id, action=action, subject="user", subject_id=user.id, changes={name: change})
