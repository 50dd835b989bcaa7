"""People, their API tokens, and the browsers in which they are signed in."""

import datetime as dt
from typing import Any

from flask_login import UserMixin
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, false, func, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.usernames import skeleton_of
from evently.database import Base, utc_now


class User(UserMixin, Base):  # type: ignore[misc] # Flask-Login has no types
    """Somebody with an account. Roles add up: organizer (own events), staff (every event), superuser (people too)."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("length(username) > 0", name="username_not_empty"),
        CheckConstraint("length(phone_number) <= 15", name="phone_number_length"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    email: Mapped[str] = mapped_column(String(254))
    password_hash: Mapped[str] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(150), default="", server_default="")
    last_name: Mapped[str] = mapped_column(String(150), default="", server_default="")
    phone_number: Mapped[str] = mapped_column(String(15), default="", server_default="")
    address: Mapped[str] = mapped_column(String(500), default="", server_default="")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    is_organizer: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_staff: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_superuser: Mapped[bool] = mapped_column(default=False, server_default=false())
    email_confirmed_at: Mapped[dt.datetime | None]
    # People with a history are anonymised, never deleted.
    anonymised_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[dt.datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    @property
    def has_password(self) -> bool:
        """False for an account that an organizer's manual booking made and that its owner has not taken over yet."""
        return self.password_hash != NO_PASSWORD

    @property
    def full_name(self) -> str:
        if self.anonymised_at:
            return "Former member"
        return f"{self.first_name} {self.last_name}".strip() or self.username

    def __init__(self, **values: Any) -> None:
        # Roles are read before the first flush too (a policy asks), so their defaults hold from the start.
        super().__init__(**{"is_active": True, "is_organizer": False, "is_staff": False, "is_superuser": False} | values)


# Unique without regard to case, without citext.
Index("uq_users_username_lower", func.lower(User.username), unique=True)
# Not unique: accounts from earlier releases may look alike.
Index("ix_users_username_skeleton", skeleton_of(User.__table__.c.username))
# An unconfirmed account does not own its address, so it keeps no other account from it.
_is_confirmed = text("email_confirmed_at IS NOT NULL")
Index("ix_users_email_lower", func.lower(User.email))
Index("uq_users_confirmed_email_lower", func.lower(User.email), unique=True, postgresql_where=_is_confirmed, sqlite_where=_is_confirmed)


class EmailChange(Base):
    """A request to move an account to another e-mail address.

    Pending until the link sent to `new_email` is opened (`confirmed_at`). It ends (`ended_at`) when it is cancelled, undone
    or replaced by a later request.
    """

    __tablename__ = "email_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    old_email: Mapped[str] = mapped_column(String(254))
    new_email: Mapped[str] = mapped_column(String(254))
    requested_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    confirmed_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]


class ApiToken(Base):
    """A key to the JSON API. Only the SHA-256 of the token is stored; the token itself is shown once."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[dt.datetime | None]
    # NULL in rows that the release before writes: it does not know the column. See tokens.expiry().
    expires_at: Mapped[dt.datetime | None]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()


class BrowserSession(Base):
    """What a visitor's cookie stands for. The cookie holds a random id, and only that id's SHA-256 is stored.

    Visitors who are not signed in have a row only while there is something to remember for them.
    """

    __tablename__ = "browser_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    id_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    # What Flask keeps in a session: JSON values by name.
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # In words, such as "Firefox on Windows".
    device: Mapped[str] = mapped_column(String(100), default="")
    is_remembered: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
