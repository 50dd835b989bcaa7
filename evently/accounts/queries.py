"""Reads about people and tokens."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import Select, bindparam, func, or_, select

from evently.accounts.models import ApiToken, User
from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.usernames import skeleton, skeleton_of
from evently.database import Page, paginate
from evently.errors import NotFound
from evently.extensions import db

# Built once, because every API request asks it.
_BY_TOKEN = select(ApiToken).where(ApiToken.token_sha256 == bindparam("token_sha256"))


def find_user(user_id: int) -> User | None:
    return db.session.get(User, user_id)


def get_user(user_id: int) -> User:
    """Raises NotFound."""
    user = find_user(user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def find_user_by_login(login: str) -> User | None:
    """By username or e-mail address, without regard to case.

    Of several accounts with one address: the confirmed one, which owns it, else the oldest that has a password.
    """
    login = login.strip().lower()
    if "@" not in login:
        return db.session.scalar(select(User).where(func.lower(User.username) == login))
    by_claim = (User.email_confirmed_at.is_(None), User.password_hash == NO_PASSWORD, User.id)
    return db.session.scalar(select(User).where(func.lower(User.email) == login).order_by(*by_claim).limit(1))


def list_login_candidates(login: str) -> list[User | None]:
    """The accounts that may be meant: the one with this username; or the confirmed one with this e-mail address, and the newest
    that is not confirmed and has a password. Always as many for every address, so that checking them takes as long.
    """
    login = login.strip().lower()
    if "@" not in login:
        return [db.session.scalar(select(User).where(func.lower(User.username) == login))]
    has_password = (User.email_confirmed_at.is_(None), User.password_hash != NO_PASSWORD)
    unconfirmed = select(User).where(func.lower(User.email) == login, *has_password).order_by(User.id.desc()).limit(1)
    return [find_confirmed_user(login), db.session.scalar(unconfirmed)]


def find_confirmed_user(email: str) -> User | None:
    """The account that owns this address: its owner has confirmed it. Without regard to case."""
    query = select(User).where(func.lower(User.email) == email.strip().lower(), User.email_confirmed_at.is_not(None))
    return db.session.scalar(query)


def list_organizers(*, limit: int) -> Sequence[User]:
    """Those who may create events, by username."""
    has_role = or_(User.is_organizer, User.is_staff, User.is_superuser)
    return db.session.scalars(select(User).where(has_role, User.is_active).order_by(User.username).limit(limit)).all()


def list_taken(*, username: str | None = None, email: str | None = None, except_id: int | None = None) -> set[str]:
    """Which of these fields ("username", "email") another account already has. Guest accounts do not take their address."""
    wanted = {
        "username": (User.username, username),
        "email": (User.email, email),
    }
    clauses = [func.lower(column) == value.lower() for column, value in wanted.values() if value]
    others = db.session.scalars(select(User).where(or_(*clauses), User.id != (except_id or 0))).all() if clauses else []
    return {
        name
        for name, (column, value) in wanted.items()
        for other in others
        if value and getattr(other, column.key).lower() == value.lower() and (other.has_password or name == "username")
    }


def has_lookalike(username: str) -> bool:
    """Whether another username looks like this one."""
    query = select(User.id).where(
        skeleton_of(User.__table__.c.username) == skeleton(username), func.lower(User.username) != username.lower()
    )
    return db.session.scalar(query.limit(1)) is not None


def find_token(token: str) -> ApiToken | None:
    """The stored key that this token opens, with its user."""
    return db.session.scalar(_BY_TOKEN, {"token_sha256": token_sha256(token)})


def list_tokens(user: User, *, page: int = 1, size: int = 20) -> Page[ApiToken]:
    """Somebody's keys to the API, the newest first."""
    return paginate(_tokens_of(user), number=page, size=size)


def list_all_tokens(user: User) -> Sequence[ApiToken]:
    return db.session.scalars(_tokens_of(user)).all()


def _tokens_of(user: User) -> Select[ApiToken]:
    return select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.id.desc())


def token_sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
