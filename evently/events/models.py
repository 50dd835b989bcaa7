"""Events, their ticket types, and the hot row that counts the seats taken."""

import datetime as dt
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, Uuid, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evently.accounts.models import User
from evently.database import Base, Money, utc_now

DRAFT, PUBLISHED, CANCELLED = STATUSES = ("draft", "published", "cancelled")
# An uploaded file is read, each row is tried, and written once its owner has seen the result and confirmed it.
READING, CHECKING, CHECKED, IMPORTING, DONE, FAILED = IMPORT_STATES = ("reading", "checking", "checked", "importing", "done", "failed")
# What a worker has to do something about.
UNFINISHED = (READING, CHECKING, IMPORTING)
CATEGORIES = ("music", "theatre", "talk", "workshop", "sport", "food", "family", "conference", "other")


class Event(Base):
    """Something one can book. Price and capacity are the lowest price and the sum over its ticket types."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("organizer_id", "source_id"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("capacity > 0", name="capacity_positive"),
        CheckConstraint("price_per_ticket >= 0", name="price_not_negative"),
        CheckConstraint("ends_at >= time", name="ends_after_start"),
        CheckConstraint("sales_end > sales_start", name="sales_end_after_start"),
        CheckConstraint("max_tickets_per_booking > 0", name="max_per_booking_positive"),
        CheckConstraint("max_tickets_per_user > 0", name="max_per_user_positive"),
        # With what lists are narrowed by, so that PostgreSQL counts them without looking at a single event.
        Index(None, "time", "id", postgresql_include=["status", "archived_at", "price_per_ticket"]),
        Index(None, "organizer_id", "time", "id"),
        Index(None, "category", "time", "id"),
        Index(None, "price_per_ticket", "time", "id"),
        Index(None, "created_at", "id"),
        Index(None, "capacity", "id"),
        Index(
            "ix_events_not_rendered",
            "id",
            postgresql_where=text("description_digest = '' AND description <> ''"),
            sqlite_where=text("description_digest = '' AND description <> ''"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    # the id in the file or feed it was imported from
    source_id: Mapped[str | None] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(String(300), default="", server_default="")
    venue: Mapped[str] = mapped_column(String(200))
    website: Mapped[str] = mapped_column(String(500), default="", server_default="")
    category: Mapped[str] = mapped_column(String(30), default="other", server_default="other")
    time: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime | None]
    # IANA name; times are shown in it
    timezone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")
    # ISO 4217
    currency: Mapped[str] = mapped_column(String(3), default="EUR", server_default="EUR")
    capacity: Mapped[int]
    # Markdown
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The description as HTML, and the digest of what that was rendered from; see descriptions.py.
    description_html: Mapped[str] = mapped_column(Text, default="", server_default="", deferred=True, deferred_group="description")
    description_digest: Mapped[str] = mapped_column(String(64), default="", server_default="", deferred=True, deferred_group="description")
    price_per_ticket: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    sales_start: Mapped[dt.datetime | None]
    sales_end: Mapped[dt.datetime | None]
    # None: the site's default
    max_tickets_per_booking: Mapped[int | None]
    # None: no limit
    max_tickets_per_user: Mapped[int | None]
    # None: until the event starts
    cancellation_deadline: Mapped[dt.datetime | None]
    sends_reminders: Mapped[bool] = mapped_column(default=True, server_default=true())
    # Its picture among the covers; None: the poster. No foreign key, which SQLite could add only by copying the table.
    cover_digest: Mapped[str | None] = mapped_column(String(64))
    # The picture in words, for who cannot see it.
    cover_alt: Mapped[str] = mapped_column(String(200), default="", server_default="")
    status: Mapped[str] = mapped_column(String(20), default=PUBLISHED)
    # What its people were told when it was cancelled, in plain words.
    cancellation_note: Mapped[str] = mapped_column(Text, default="", server_default="")
    organizer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[dt.datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    # Deleted for its organizer; the row stays, because bookings refer to it.
    archived_at: Mapped[dt.datetime | None]

    organizer: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    ticket_types: Mapped[list["TicketType"]] = relationship(back_populates="event", order_by="TicketType.position")
    stock: Mapped[list["TicketStock"]] = relationship(
        lazy="selectin", order_by="TicketStock.ticket_type_id", viewonly=True, primaryjoin="Event.id == TicketStock.event_id"
    )

    @property
    def is_active(self) -> bool:
        return self.status == PUBLISHED

    @property
    def reserved_tickets(self) -> int:
        return sum(row.reserved for row in self.stock)

    @property
    def available_tickets(self) -> int:
        """Seats not taken, as of when the event was loaded."""
        return sum(row.capacity - row.reserved for row in self.stock)

    @property
    def is_sold_out(self) -> bool:
        return self.available_tickets <= 0

    @property
    def is_almost_sold_out(self) -> bool:
        """One in ten or fewer, and not none."""
        return 0 < self.available_tickets * 10 <= self.capacity

    @property
    def utilization_percentage(self) -> float:
        return round(100 * self.reserved_tickets / self.capacity, 2)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def local_time(self) -> dt.datetime:
        return self.time.astimezone(self.zone)

    @property
    def has_started(self) -> bool:
        return self.time <= utc_now()

    @property
    def is_free(self) -> bool:
        return self.price_per_ticket == 0

    @property
    def sales_close_at(self) -> dt.datetime:
        """When sales close: at sales_end, and never after the start."""
        return min(self.sales_end, self.time) if self.sales_end else self.time

    @property
    def cancellation_closes_at(self) -> dt.datetime:
        """Until when a booking may be given back."""
        return min(self.cancellation_deadline, self.time) if self.cancellation_deadline else self.time


class Cover(Base):
    """A picture for events in the two sizes that pages show, under the SHA-256 of what was uploaded.

    In the database, because that is the one place that every web server sees.
    """

    __tablename__ = "covers"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    # JPEG: the size of a poster, and as large as a page shows it
    small: Mapped[bytes] = mapped_column(LargeBinary)
    large: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class TicketType(Base):
    """A kind of ticket with its price; one per event for now."""

    __tablename__ = "ticket_types"
    __table_args__ = (
        UniqueConstraint("event_id", "position"),
        CheckConstraint("price >= 0", name="price_not_negative"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    name: Mapped[str] = mapped_column(String(100), default="General admission")
    price: Mapped[Decimal] = mapped_column(Money)
    position: Mapped[int] = mapped_column(default=0)

    event: Mapped[Event] = relationship(back_populates="ticket_types")


class TicketStock(Base):
    """The hot row: seats there are and seats taken. Whoever decides anything about seats locks it first.

    Nothing refers to it and no foreign key leads here, because the share lock of a referring insert would fight
    the allocator; that alone cost more than half of the insert throughput.
    """

    __tablename__ = "ticket_stock"
    __table_args__ = (
        CheckConstraint("capacity > 0", name="capacity_positive"),
        CheckConstraint("reserved BETWEEN 0 AND capacity", name="never_oversold"),
        # Room in the page for the row's next version, so that an update touches no index.
        {"postgresql_with": {"fillfactor": 50}},
    )

    ticket_type_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ticket_types.id"), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), index=True)
    capacity: Mapped[int]
    reserved: Mapped[int] = mapped_column(default=0, server_default="0")


class ImportJob(Base):
    """A file with events on its way in, and how far it has come: `done` of `total` rows, which are 0 until it has been read."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(f"state IN {IMPORT_STATES}", name="state"),
        Index(
            "ix_uploads_unfinished",
            "created_at",
            postgresql_where=text(f"state IN {UNFINISHED}"),
            sqlite_where=text(f"state IN {UNFINISHED}"),
        ),
        Index(None, "by_id", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    filename: Mapped[str] = mapped_column(String(200))
    # The file, until its last row is written.
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    # Its rows, see imports/reading.py. None where it has not been read, or a worker of the release before read it.
    rows: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # What rows may lack, see importing.Fills.
    capacity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Money)
    timezone: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), default=READING)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    # How often a worker has begun since the last row was done.
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    # Why it failed, for people.
    reason: Mapped[str] = mapped_column(String(500), default="")
    # Until then, a worker is at it.
    lease_until: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    @property
    def is_busy(self) -> bool:
        return self.state in UNFINISHED


class ImportRow(Base):
    """What became of a row of a file, or would; see importing.RowResult."""

    __tablename__ = "upload_rows"
    __table_args__ = (Index(None, "upload_id", "outcome", "number"),)

    upload_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(20))
    event_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    problems: Mapped[dict[str, list[str]]] = mapped_column(JSON)
