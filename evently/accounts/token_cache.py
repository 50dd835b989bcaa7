"""Tokens that were used a moment ago, and whose they are.

A token is one person's for ever, so whose it is may be remembered. Whether it still works may not: whoever acts on what
is remembered asks so in the same statement (`still_works`).
"""

import time

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, select
from sqlalchemy.orm.attributes import set_committed_value

from evently.accounts.models import ApiToken, User
from evently.accounts.queries import token_sha256
from evently.database import UTCDateTime, single_statement, utc_now

# Seconds, and how many: each takes about 3 kB, and who books does so once or twice.
TTL_SECONDS, MAX_ENTRIES = 60.0, 2_000

# Built once, because every buyer asks it.
_BY_TOKEN = select(*ApiToken.__table__.c, *User.__table__.c).where(
    ApiToken.token_sha256 == bindparam("sha256"), User.id == ApiToken.user_id
)
_entries: dict[str, tuple[float, ApiToken]] = {}


def get(token: str) -> ApiToken | None:
    """The key with its user as they were at most a minute ago, to be read only."""
    until, found = _entries.get(token_sha256(token), (0.0, None))
    return found if found and time.monotonic() < until and not found.is_expired else None


def load(token: str) -> ApiToken | None:
    """The key as it is now, with its user; rows by columns, because loading objects takes three times as long."""
    with single_statement() as connection:
        row = connection.execute(_BY_TOKEN, {"sha256": token_sha256(token)}).one_or_none()
    if row is None:
        return None
    key = ApiToken(**dict(zip(ApiToken.__table__.c.keys(), row, strict=False)))
    set_committed_value(key, "user", User(**dict(zip(User.__table__.c.keys(), row[len(ApiToken.__table__.c) :], strict=True))))
    return key


def put(key: ApiToken) -> None:
    """`key` has no session, so any thread may read it."""
    if len(_entries) >= MAX_ENTRIES:
        # Rare, and cheaper than to keep order: those in use are back at their next request.
        _entries.clear()
    _entries[key.token_sha256] = time.monotonic() + TTL_SECONDS, key


def is_unexpired() -> ColumnElement[bool]:
    # Evaluated when the statement runs: `still_works` is part of one that is built once.
    now = bindparam("token_checked_at", callable_=utc_now, type_=UTCDateTime)
    return or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)


def is_valid(token_id: BindParameter[int]) -> ColumnElement[bool]:
    """Whether this token is neither revoked nor expired and its user not suspended, now."""
    user_id = select(ApiToken.user_id).where(ApiToken.id == token_id, is_unexpired()).scalar_subquery()
    return select(User.id).where(User.id == user_id, User.is_active).exists()
