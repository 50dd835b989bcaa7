"""People, as those look at them who may manage people."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from evently.accounts.models import ApiToken, BrowserSession, User
from evently.accounts.policies import require_people_manager
from evently.accounts.queries import get_user
from evently.accounts.search import find_users
from evently.database import Page, paginate, utc_now
from evently.extensions import db

# What the name says of a person: each a column, or the lack of any role.
ROLES = ("organizer", "staff", "superuser", "none")
STATES = ("active", "suspended", "unconfirmed", "closed")
ORDERINGS = ("-id", "id", "username")


@dataclass(frozen=True, kw_only=True)
class UserFilters:
    """`search` is the beginnings of words in names and addresses; who closed the account shows only when asked for."""

    search: str = ""
    role: str = ""
    state: str = ""
    ordering: str = "-id"


@dataclass(frozen=True)
class UserSummary:
    """Somebody, with how many ways in they have right now."""

    user: User
    sessions: int
    tokens: int


def list_users(*, by: User, filters: UserFilters, page: int = 1, size: int = 30) -> Page[User]:
    """Raises NotAllowed."""
    require_people_manager(by)
    query = select(User).where(_is_in(filters.state))
    if filters.search:
        query = query.where(find_users(filters.search, User.id))
    if filters.role:
        query = query.where(_has(filters.role))
    order = {"-id": User.id.desc(), "id": User.id, "username": func.lower(User.username)}[filters.ordering]
    return paginate(query.order_by(order), number=page, size=size)


def get_user_summary(*, by: User, user_id: int) -> UserSummary:
    """Raises NotAllowed, NotFound."""
    require_people_manager(by)
    sessions = select(func.count()).where(BrowserSession.user_id == user_id, BrowserSession.expires_at > utc_now())
    tokens = select(func.count()).where(ApiToken.user_id == user_id)
    user = get_user(user_id)
    return UserSummary(user, *db.session.execute(select(sessions.scalar_subquery(), tokens.scalar_subquery())).one())


def _is_in(state: str) -> ColumnElement[bool]:
    is_open = User.anonymised_at.is_(None)
    return {
        "": is_open,
        "active": is_open & User.is_active,
        "suspended": is_open & ~User.is_active,
        "unconfirmed": is_open & User.email_confirmed_at.is_(None),
        "closed": ~is_open,
    }[state]


def _has(role: str) -> ColumnElement[bool]:
    if role == "none":
        return ~or_(User.is_organizer, User.is_staff, User.is_superuser)
    return {"organizer": User.is_organizer, "staff": User.is_staff, "superuser": User.is_superuser}[role].is_(True)
