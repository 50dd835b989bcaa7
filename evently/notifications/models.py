"""The outbox: every mail is a row, written together with what it tells, before anybody tries to send it."""

import datetime as dt
import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, Text, Uuid, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evently.accounts.models import User
from evently.bookings.models import Booking, Contact
from evently.database import Base, utc_now
from evently.events.models import Event

QUEUED, SENDING, SENT, FAILED, SUPPRESSED = STATUSES = ("queued", "sending", "sent", "failed", "suppressed")
# Why a mail is suppressed, which `last_error` then says.
NO_ADDRESS, UNSUBSCRIBED = "There is no address to send it to.", "Unsubscribed from mails like this one."
# The same for every recipient: organizers read it, and must not learn whether the account is confirmed.
OVER_LIMIT = "Too many e-mails to this address in a short time."
# What a mail tells. Each has its templates, emails/<kind>.txt and emails/<kind>.html.
BOOKING_RECEIVED, BOOKING_CONFIRMED, BOOKING_FAILED, BOOKING_CANCELLED = ABOUT_BOOKINGS = (
    "booking_received",
    "booking_confirmed",
    "booking_failed",
    "booking_cancelled",
)
# One for each person, however many bookings they have.
EVENT_CHANGED, EVENT_CANCELLED, EVENT_REMINDER, EVENT_MESSAGE = ABOUT_EVENTS = (
    "event_changed",
    "event_cancelled",
    "event_reminder",
    "event_message",
)
(
    CONFIRM_ADDRESS,
    CONFIRM_EMAIL_CHANGE,
    EMAIL_CHANGE_REQUESTED,
    ADDRESS_CHANGED,
    RESET_PASSWORD,
    PASSWORD_CHANGED,
    ACCOUNT_CLOSED,
    STAFF_ACCOUNT,
    ACCOUNT_EXISTS,
) = ABOUT_ACCOUNTS = (
    "confirm_address",
    "confirm_email_change",
    "email_change_requested",
    "address_changed",
    "reset_password",
    "password_changed",
    "account_closed",
    "staff_account",
    "account_exists",
)
# Whose answers go to the organizer.
FROM_ORGANIZERS = ABOUT_BOOKINGS + ABOUT_EVENTS
KINDS = FROM_ORGANIZERS + ABOUT_ACCOUNTS
# The order of sending: tickets, then e-mails to one person, then those to everyone who booked an event.
TICKETS_FIRST, PERSONAL, BULK = range(3)


def priority_of(kind: str) -> int:
    return TICKETS_FIRST if kind == BOOKING_CONFIRMED else BULK if kind in ABOUT_EVENTS else PERSONAL


def _default_priority(context: DefaultExecutionContext) -> int:
    parameters: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return priority_of(parameters["kind"])


def _where(condition: str) -> dict[str, Any]:
    """For an index of a few of the rows, on both databases."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Message(Base):
    """What an organizer wrote to many people at once; each of them has a mail of it."""

    __tablename__ = "messages"
    __table_args__ = (Index(None, "event_id", "created_at", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("events.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # One of AUDIENCES in audiences.py
    audience: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(220))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    event: Mapped[Event] = relationship(lazy="joined", innerjoin=True)
    sender: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class Unsubscription(Base):
    """Somebody who wants no more mails of one kind: reminders, or one organizer's messages; see subscriptions.py."""

    __tablename__ = "unsubscriptions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class Mail(Base):
    """One mail to one person. It is rendered from `kind` and what it refers to when it is sent or looked at."""

    __tablename__ = "mails"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index("ix_mails_waiting", "priority", "not_before", "id", **_where("status IN ('queued', 'sending')")),
        Index(None, "user_id", "id"),
        Index(None, "booking_id", "id"),
        Index(None, "event_id", "id"),
        Index("ix_mails_message_id_id", "message_id", "id", **_where("message_id IS NOT NULL")),
        Index("ix_mails_sent", "sent_at", **_where("status = 'sent'")),
        Index("ix_mails_failed", "id", **_where("status = 'failed'")),
        Index("ix_mails_suppressed", "created_at", **_where("status = 'suppressed'")),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    # What must be told at most once: kind and what it is about.
    delivery_key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    # TICKETS_FIRST, PERSONAL or BULK
    priority: Mapped[int] = mapped_column(SmallInteger, default=_default_priority, server_default=str(PERSONAL))
    to_address: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    booking_id: Mapped[uuid.UUID | None] = mapped_column(Uuid, ForeignKey("bookings.id"))
    event_id: Mapped[uuid.UUID | None] = mapped_column(Uuid, ForeignKey("events.id"))
    # No foreign key, which SQLite could add only by copying the table.
    message_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    # What the rows it refers to do not know: the time before a change, say.
    context: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    status: Mapped[str] = mapped_column(String(20), default=QUEUED)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    provider_id: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    # Not sent before this moment: a retry's back-off, a reminder's day.
    not_before: Mapped[dt.datetime] = mapped_column(default=utc_now)
    # While this is in the future, some worker holds the mail; afterwards that worker is taken for dead.
    lease_until: Mapped[dt.datetime | None]
    # When it was last tried, whatever came of it.
    tried_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]

    user: Mapped[User | None] = relationship(lazy="joined")
    booking: Mapped[Booking | None] = relationship(lazy="joined")
    event: Mapped[Event | None] = relationship(lazy="joined")
    message: Mapped[Message | None] = relationship(primaryjoin="foreign(Mail.message_id) == Message.id", viewonly=True)

    @property
    def contact(self) -> Contact:
        """Its recipient as the event's managers know them, who may have another address since (see `Booking.contact`)."""
        if self.booking is None:
            return Contact(self.user.full_name if self.user else "Former member", self.to_address)
        contact = self.booking.contact
        return replace(contact, email=self.to_address if self.booking.is_account_shared or not self.to_address else contact.email)

    @property
    def reported_error(self) -> str | None:
        """`last_error` for the event's managers: mail servers repeat the address, which may not be the one they know."""
        is_known = self.status == SUPPRESSED or self.contact.email.lower() == self.to_address.lower()
        return self.last_error if is_known or self.last_error is None else "The mail server did not take it."

    @property
    def is_to_owner(self) -> bool:
        """Whether it goes to the confirmed address of its user."""
        user = self.user
        return user is not None and user.email_confirmed_at is not None and user.email.lower() == self.to_address.lower()


class MailCounter(Base):
    """How many e-mails were counted against one budget in the current window; see mail_budgets.py."""

    __tablename__ = "mail_counters"

    # The budget, its window in seconds, and an HMAC of who or what it is for: no address is stored here.
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    count: Mapped[int]
    started_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
