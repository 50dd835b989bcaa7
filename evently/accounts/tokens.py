"""API tokens: issued, used, revoked.

A token ends API_TOKEN_UNUSED_DAYS after its last use and API_TOKEN_DAYS after it was made, whichever comes first.
"""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import Session

from evently.accounts import queries, token_cache
from evently.accounts.models import ApiToken, User
from evently.accounts.services import get_for_update
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid, NotAuthenticated, NotFound
from evently.extensions import db
from evently.text import has_control_characters

# seconds; a token's last use is written at most this often, so that reading costs no write
LAST_USE_PRECISION = 60
# characters
MAX_NAME_LENGTH = 100


# What registration and sign-in over the API call their tokens; people cannot choose these names.
DEFAULT_NAME = ("", "registration", "login")


@dataclass(frozen=True)
class IssuedToken:
    """`token` is shown this once: only its hash is stored."""

    token: str
    expires_at: dt.datetime


def issue_token(*, user: User, name: str = "") -> IssuedToken:
    """A new API token of 160 random bits. At API_TOKENS_PER_USER the oldest unnamed one of this user ends."""
    with transaction() as session:
        get_for_update(user.id)
        _revoke_excess(session, user)
        return _add(session, user, name)


def issue_named_token(*, user: User, name: str) -> IssuedToken:
    """As `issue_token`, with a name that no other token of this user has.

    Raises Invalid; Conflict ("too_many_tokens") when only one place is left, which is kept for signing in.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_LENGTH or has_control_characters(name):
        raise _invalid_name(f"Give it a name of 1 to {MAX_NAME_LENGTH} characters.")
    if name.lower() in DEFAULT_NAME:
        raise _invalid_name("This name is used for tokens from signing in. Choose a different one.")
    with transaction() as session:
        get_for_update(user.id)
        names = session.scalars(select(ApiToken.name).where(ApiToken.user_id == user.id, token_cache.is_unexpired())).all()
        if name in names:
            raise _invalid_name("You already have a token with this name.")
        most = current_app.config["API_TOKENS_PER_USER"] - 1
        if sum(other not in DEFAULT_NAME for other in names) >= most:
            raise Conflict(f"You can have {most} named tokens. Revoke one first.", code="too_many_tokens")
        _revoke_excess(session, user)
        return _add(session, user, name)


def _add(session: Session, user: User, name: str) -> IssuedToken:
    token, now = secrets.token_hex(20), utc_now()
    added = ApiToken(user_id=user.id, name=name[:MAX_NAME_LENGTH], token_sha256=queries.token_sha256(token), created_at=now)
    added.expires_at = expiry(now, now)
    session.add(added)
    session.flush()
    return IssuedToken(token, added.expires_at)


def _revoke_excess(session: Session, user: User) -> None:
    """Delete expired tokens, then the oldest unnamed ones until one more fits."""
    session.execute(delete(ApiToken).where(ApiToken.user_id == user.id, ~token_cache.is_unexpired()))
    count = session.scalar(select(func.count()).where(ApiToken.user_id == user.id)) or 0
    if (surplus := count + 1 - current_app.config["API_TOKENS_PER_USER"]) > 0:
        unnamed = select(ApiToken.id).where(ApiToken.user_id == user.id, ApiToken.name.in_(DEFAULT_NAME)).order_by(ApiToken.id)
        session.execute(delete(ApiToken).where(ApiToken.id.in_(session.scalars(unnamed.limit(surplus)).all())))


def expiry(created_at: dt.datetime, last_used_at: dt.datetime) -> dt.datetime:
    """When a token of this age ends if it is not used again."""
    config = current_app.config
    unused, longest = dt.timedelta(days=config["API_TOKEN_UNUSED_DAYS"]), dt.timedelta(days=config["API_TOKEN_DAYS"])
    return min(last_used_at + unused, created_at + longest)


def _invalid_name(message: str) -> Invalid:
    return Invalid("Please correct the marked fields.", fields={"name": [message]})


def revoke_all(users: Sequence[User]) -> int:
    """Revoke every token of these users; how many."""
    with transaction() as session:
        statement = delete(ApiToken).where(ApiToken.user_id.in_([user.id for user in users])).returning(ApiToken.id)
        return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


def delete_expired() -> int:
    """How many expired tokens were deleted. Tokens that the release before made get an end."""
    with transaction() as session:
        without_end = update(ApiToken).where(ApiToken.expires_at.is_(None))
        session.execute(without_end.values(expires_at=expiry(utc_now(), utc_now())))
        return len(session.scalars(delete(ApiToken).where(~token_cache.is_unexpired()).returning(ApiToken.id)).all())


def revoke_token(*, token: ApiToken) -> None:
    with transaction() as session:
        session.execute(delete(ApiToken).where(ApiToken.id == token.id))


def revoke_own_token(*, user: User, token_id: int) -> None:
    """Raises NotFound for what is not one of this person's tokens."""
    with transaction() as session:
        statement = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id).returning(ApiToken.id)
        if not session.scalars(statement).all():
            raise NotFound("There is no such token; it may be revoked already.")


def authenticate_and_touch(token: str) -> ApiToken:
    """The stored token. Raises NotAuthenticated for one that is unknown, expired or of a suspended user."""
    found = queries.find_token(token)
    if found is None or found.is_expired or not found.user.is_active:
        raise unknown_token()
    _record_use(found)
    return found


def authenticate_token(token: str) -> ApiToken:
    """As `use_token`, detached and possibly from memory: then the caller has yet to check it (`require_working`)."""
    found = token_cache.get(token)
    if found is None:
        found = token_cache.load(token)
        if found is None or found.is_expired or not found.user.is_active:
            raise unknown_token()
        token_cache.put(found)
        _record_use(found)
    return found


def _record_use(token: ApiToken) -> None:
    now = utc_now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > LAST_USE_PRECISION:
        expires_at = expiry(token.created_at, now)
        if expires_at < now:
            # Made before tokens expired: it keeps the end that the migration gave it.
            expires_at = token.expires_at or now
        with transaction() as session:
            session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now, expires_at=expires_at))


def require_valid(token_id: int) -> None:
    """Raises NotAuthenticated when this token was revoked, has expired, or its user is suspended."""
    if not db.session.scalar(select(token_cache.is_valid(literal(token_id)))):
        raise unknown_token()


def unknown_token() -> NotAuthenticated:
    return NotAuthenticated("This token is not valid.", code="invalid_token")
