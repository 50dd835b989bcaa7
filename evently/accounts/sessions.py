"""Where people are signed in: one row per browser, known by the SHA-256 of the random id in its cookie.

The row is what counts. Where there is Redis, it answers in the row's place for up to a minute, and never after the row
has changed; see evently/tagged_cache.py and docs/adr/009-sessions-on-the-server.md.
"""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently import tagged_cache
from evently.accounts.models import BrowserSession, User
from evently.database import single_statement, transaction, utc_now
from evently.errors import NotFound
from evently.extensions import db
from evently.tagged_cache import get_or_set, invalidate

# seconds for which what was read may be remembered
CACHE_SECONDS = 60
# seconds; the last use is written at most this often, so that reading costs no write
LAST_USE_PRECISION = 60
# How long something is kept for a visitor who is not signed in.
SESSION_TTL = dt.timedelta(hours=1)


@dataclass(frozen=True)
class SessionRecord:
    """A session as it was found; times in seconds since the epoch."""

    user_id: int | None
    data: dict[str, Any]
    is_remembered: bool
    created_at: float
    last_used_at: float
    expires_at: float

    @property
    def is_due(self) -> bool:
        """Whether its use should be written down again."""
        return time.time() - self.last_used_at > LAST_USE_PRECISION


def find(id_sha256: str) -> SessionRecord | None:
    """The session with this id, unless it has ended."""
    values = get_or_set(_cache_key(id_sha256), lambda: _read(id_sha256), tags=[_cache_key(id_sha256)], seconds=CACHE_SECONDS)
    record = SessionRecord(*values) if values else None
    return record if record and record.expires_at > time.time() else None


def prefetch(id_sha256: str) -> None:
    """This request will call `find`."""
    tagged_cache.prefetch(_cache_key(id_sha256), tags=[_cache_key(id_sha256)])


def _read(id_sha256: str) -> tuple[Any, ...] | None:
    columns = (getattr(BrowserSession, name) for name in ("user_id", "data", "is_remembered", "created_at", "last_used_at", "expires_at"))
    query = select(*columns, User).outerjoin(User, User.id == BrowserSession.user_id).where(BrowserSession.id_sha256 == id_sha256)
    row = db.session.execute(query).one_or_none()
    if row is None:
        return None
    # Held for as long as this request lasts: who asks for the person next finds them without another look.
    db.session().info["signed_in"] = row.User
    return *row[:3], row.created_at.timestamp(), row.last_used_at.timestamp(), row.expires_at.timestamp()


def create(id_sha256: str, *, user_id: int | None, data: dict[str, Any], device: str, is_remembered: bool) -> None:
    """A new session; `device` says in words which browser it is."""
    now = utc_now()
    values = {
        "id_sha256": id_sha256,
        "user_id": user_id,
        "data": data,
        "device": device[:100],
        "is_remembered": is_remembered,
        "created_at": now,
        "last_used_at": now,
        "expires_at": _expiry(now, user_id, is_remembered=is_remembered),
    }
    with single_statement() as connection:
        insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
        statement = insert(BrowserSession).values(values)
        # Two requests of one visitor at once may both be the first that has something to remember.
        connection.execute(statement.on_conflict_do_update(index_elements=[BrowserSession.id_sha256], set_=values))
    invalidate(_cache_key(id_sha256))


def update_data(id_sha256: str, *, data: dict[str, Any]) -> None:
    """Replace the data of this session, unless it was revoked meanwhile."""
    _update(id_sha256, data=data)


def record_use(id_sha256: str, kept: SessionRecord) -> None:
    """It was used just now, so it lasts for longer, but never beyond SESSION_MAX_DAYS after it began."""
    created_at = dt.datetime.fromtimestamp(kept.created_at, dt.UTC)
    _update(id_sha256, last_used_at=utc_now(), expires_at=_expiry(created_at, kept.user_id, is_remembered=kept.is_remembered))


def lifetime(user_id: int | None, *, is_remembered: bool) -> dt.timedelta:
    """For how long after its last use a session can be gone on with."""
    if user_id is None:
        return SESSION_TTL
    config = current_app.config
    return dt.timedelta(days=config["REMEMBERED_SESSION_DAYS"]) if is_remembered else dt.timedelta(hours=config["SESSION_HOURS"])


def _expiry(created_at: dt.datetime, user_id: int | None, *, is_remembered: bool) -> dt.datetime:
    latest = created_at + dt.timedelta(days=current_app.config["SESSION_MAX_DAYS"])
    return min(utc_now() + lifetime(user_id, is_remembered=is_remembered), latest)


def list_sessions(user: User) -> Sequence[BrowserSession]:
    """Where somebody is signed in, what was used last first."""
    query = select(BrowserSession).where(BrowserSession.user_id == user.id, BrowserSession.expires_at > utc_now())
    return db.session.scalars(query.order_by(BrowserSession.last_used_at.desc(), BrowserSession.id.desc())).all()


def revoke(id_sha256: str) -> None:
    _revoke(BrowserSession.id_sha256 == id_sha256)


def revoke_by_id(*, user: User, session_id: int) -> str:
    """Its `id_sha256`. Raises NotFound for what is not one of this person's sessions."""
    ended = _revoke(BrowserSession.id == session_id, BrowserSession.user_id == user.id)
    if not ended:
        raise NotFound("That session has ended already.")
    return ended[0]


def revoke_others(*, user: User, kept: str = "") -> int:
    """Sign somebody out everywhere but in the session with this `id_sha256`, if any; how many ended."""
    return len(_revoke(BrowserSession.user_id == user.id, BrowserSession.id_sha256 != kept))


def revoke_all(users: Sequence[User]) -> None:
    """Sign these people out everywhere."""
    _revoke(BrowserSession.user_id.in_([user.id for user in users]))


def delete_expired() -> int:
    """Delete those that have expired; how many."""
    return len(_revoke(BrowserSession.expires_at < utc_now()))


def _revoke(*which: ColumnElement[bool]) -> Sequence[str]:
    statement = delete(BrowserSession).where(*which).returning(BrowserSession.id_sha256)
    with transaction() as session:
        ended = session.scalars(statement.execution_options(synchronize_session=False)).all()
        invalidate(*map(_cache_key, ended))
    return ended


def _update(id_sha256: str, **values: Any) -> None:
    with single_statement() as connection:
        connection.execute(update(BrowserSession).where(BrowserSession.id_sha256 == id_sha256).values(values))
    invalidate(_cache_key(id_sha256))


def _cache_key(id_sha256: str) -> str:
    return f"session:{id_sha256}"
