"""Bookings: the durable queue and, once decided, the history. Never deleted."""

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    Uuid,
    or_,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evently.accounts.models import User
from evently.database import Base, Money, utc_now
from evently.events.models import Event

PENDING, PROCESSING, CONFIRMED, FAILED, CANCELLED = STATUSES = ("pending", "processing", "confirmed", "failed", "cancelled")
# States in which a booking takes seats.
OCCUPYING_STATUSES = (CONFIRMED,)
# States that end when the event is called off.
ACTIVE_STATUSES = (PENDING, PROCESSING, CONFIRMED)
# What can be done to many bookings at once.
CANCEL, CHECK_IN = BULK_KINDS = ("cancel", "admit")
# No 0 O 1 I L U: a code is read out at doors and over telephones.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def reference_of(booking_id: uuid.UUID) -> str:
    """From the id: `EV-7K4M-29QD`."""
    number, letters = booking_id.int, []
    for _ in range(8):
        number, index = divmod(number, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[index])
    return f"EV-{''.join(letters[:4])}-{''.join(letters[4:])}"


@dataclass(frozen=True)
class Contact:
    """The name and contact details of a booking that its event's managers see; None and "" for what is not shared."""

    name: str
    email: str
    user_id: int | None = None
    username: str | None = None
    phone_number: str = ""


class Booking(Base):
    """Tickets somebody asked for. `seq` is the order of arrival, and the order in which seats are given."""

    __tablename__ = "bookings"
    __mapper_args__ = {"primary_key": ["id"]}  # noqa: RUF012 - declarative reads it from the class
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("ticket_count > 0", name="ticket_count_positive"),
        CheckConstraint("total_amount >= 0", name="total_amount_not_negative"),
        # The queue. Dead entries make reading it ten times slower, hence the tight autovacuum.
        Index(
            "ix_bookings_queue",
            "event_id",
            "seq",
            postgresql_where=text("status = 'processing'"),
            sqlite_where=text("status = 'processing'"),
        ),
        Index(None, "user_id", "seq"),
        Index(None, "event_id", "status", "seq"),
        # Searched by what was typed, see contacts.py.
        Index(
            "ix_bookings_manual",
            "event_id",
            "seq",
            postgresql_where=text("added_by_id IS NOT NULL"),
            sqlite_where=text("added_by_id IS NOT NULL"),
        ),
        {
            "sqlite_autoincrement": True,
            "postgresql_with": {"autovacuum_vacuum_scale_factor": 0.01, "autovacuum_vacuum_cost_delay": 0},
        },
    )

    # The table's own key, so that SQLite numbers it too; everybody else knows a booking by its id.
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True)
    # Chosen before the insert: a retry after an unknown commit finds the row instead of making a second one.
    id: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True, default=uuid.uuid4)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    ticket_type_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ticket_types.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    ticket_count: Mapped[int]
    total_amount: Mapped[Decimal] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default=PROCESSING)
    # Why it failed: a stable code, see errors of the booking services.
    failure_code: Mapped[str | None] = mapped_column(String(40))
    booking_date: Mapped[dt.datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[dt.datetime | None]
    cancelled_at: Mapped[dt.datetime | None]
    # The task that decides it; several bookings may share one.
    task_id: Mapped[str | None] = mapped_column(String(64))
    # Of a manual booking: who added it, and the attendee's name and e-mail address as they typed them.
    # No foreign key, which SQLite could add only by copying the table.
    added_by_id: Mapped[int | None]
    attendee_first_name: Mapped[str | None] = mapped_column(String(150))
    attendee_last_name: Mapped[str | None] = mapped_column(String(150))
    attendee_email: Mapped[str | None] = mapped_column(String(254))
    # The words of these three, each after a space, for searching.
    attendee_search: Mapped[str | None] = mapped_column(Text)
    # When the attendee agreed to share the account's contact details with the organizer.
    accepted_at: Mapped[dt.datetime | None]

    event: Mapped[Event] = relationship(lazy="joined", innerjoin=True)
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    added_by: Mapped[User | None] = relationship(primaryjoin="foreign(Booking.added_by_id) == User.id", viewonly=True)

    @hybrid_property
    def is_account_shared(self) -> bool:
        """Whether the event's managers may see whose account this is. True for everybody who booked themselves."""
        return self.added_by_id is None or self.accepted_at is not None

    @is_account_shared.inplace.expression
    @classmethod
    def _is_account_shared(cls) -> ColumnElement[bool]:
        return or_(cls.added_by_id.is_(None), cls.accepted_at.is_not(None))

    @property
    def contact(self) -> Contact:
        """For everything that people other than the attendee see. In SQL: contacts.py."""
        typed = f"{self.attendee_first_name or ''} {self.attendee_last_name or ''}".strip()
        if not self.is_account_shared:
            return Contact(self.user.full_name if self.user.anonymised_at else typed, self.attendee_email or "")
        user = self.user
        name = user.full_name if user.anonymised_at or user.first_name or user.last_name else typed or user.username
        return Contact(name, user.email, user.id, user.username, user.phone_number)

    @property
    def added_by_name(self) -> str:
        """Of a manual booking, for the attendee, who may not know who on the staff added it for the organizer."""
        return self.event.organizer.full_name if self.added_by_id == self.event.organizer_id else "The Evently box office"

    @property
    def is_final(self) -> bool:
        return self.status in {CONFIRMED, FAILED, CANCELLED}

    @property
    def can_be_cancelled(self) -> bool:
        return self.status in {PENDING, PROCESSING, CONFIRMED} and utc_now() < self.event.cancellation_closes_at

    @property
    def reference(self) -> str:
        """What one says on the telephone."""
        return reference_of(self.id)


class CheckIn(Base):
    """A ticket that has opened the door: one row for each seat of a booking that came."""

    __tablename__ = "admissions"
    __table_args__ = (CheckConstraint("seat > 0", name="seat_positive"), Index(None, "event_id", "admitted_at"))

    booking_seq: Mapped[int] = mapped_column(ForeignKey("bookings.seq"), primary_key=True)
    # from 1 to the booking's ticket_count
    seat: Mapped[int] = mapped_column(primary_key=True)
    admitted_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    # The booking's, for counting whom an event has inside; the booking's own foreign key vouches for it.
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    # The door, in the words of whoever stands there; "" where there is only one.
    gate: Mapped[str] = mapped_column(String(40), default="", server_default="")
    admitted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    admitted_by: Mapped[User | None] = relationship(lazy="joined")


class BulkAction(Base):
    """Something that is done to many bookings of an event, portion by portion; this row says how far it has come."""

    __tablename__ = "bulk_actions"
    __table_args__ = (
        CheckConstraint(f"kind IN {BULK_KINDS}", name="kind"),
        # Those that somebody has still to go on with.
        Index(
            "ix_bulk_actions_unfinished",
            "created_at",
            postgresql_where=text("finished_at IS NULL"),
            sqlite_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(20))
    # Which bookings: `AttendeeFilters` of attendees.py, as JSON.
    chosen: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Bookings that came later are not meant.
    last_seq: Mapped[int] = mapped_column(BigInteger)
    # Everything up to this one is done.
    seen_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int]
    # Of those seen: what it was done to, and what it could not be done to.
    done: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[dt.datetime | None]
    # Until then, somebody is at it.
    lease_until: Mapped[dt.datetime | None]
    # Why it ended before its time, for people.
    reason: Mapped[str] = mapped_column(String(500), default="", server_default="")

    event: Mapped[Event] = relationship(lazy="joined", innerjoin=True)
