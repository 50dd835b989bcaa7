"""What is told to whom: writes mails into the outbox, in the transaction that makes them true.

The receivers run under the allocator's lock, so they only write rows; whoever sends them does it later, from
delivery.py.
"""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from sqlalchemy import JSON, Insert, String, bindparam, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute

from evently.accounts.models import User
from evently.accounts.signals import people_left
from evently.bookings.allocation import Outcome
from evently.bookings.models import Booking
from evently.bookings.signals import bookings_cancelled, bookings_decided
from evently.database import UTCDateTime, on_commit, utc_now
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import (
    BOOKING_CANCELLED,
    BOOKING_CONFIRMED,
    BOOKING_FAILED,
    EVENT_CANCELLED,
    QUEUED,
    SENDING,
    SUPPRESSED,
    Mail,
)

# A full house that is called off is told in portions of this size: SQLite takes only so many variables at once.
PORTION = 1000

Key = TypeVar("Key", int, uuid.UUID)


@bookings_decided.connect
def tell_decisions(outcome: Outcome) -> None:
    """Write to everybody in this batch whether they have their tickets."""
    _write(BOOKING_CONFIRMED, Booking.seq, [booking.seq for booking in outcome.confirmed])
    _write(BOOKING_FAILED, Booking.seq, [booking.seq for booking, _ in outcome.failed])


@bookings_cancelled.connect
def tell_cancellations(booking_ids: Sequence[uuid.UUID], *, by_event: bool) -> None:
    """Write to whose booking has ended, and whether the whole event did."""
    _write(EVENT_CANCELLED if by_event else BOOKING_CANCELLED, Booking.id, booking_ids)


@people_left.connect
def forget_addresses(users: Sequence[User]) -> None:
    """Mails about bookings and events stay, to nobody; whatever else was written to these people goes. Nothing is sent any more."""
    is_theirs = Mail.user_id.in_([user.id for user in users])
    session = db.session
    session.execute(delete(Mail).where(is_theirs, Mail.booking_id.is_(None), Mail.event_id.is_(None)))
    is_waiting = Mail.status.in_([QUEUED, SENDING])
    session.execute(
        update(Mail).where(is_theirs, is_waiting).values(status=SUPPRESSED, lease_until=None, last_error="The account was deleted.")
    )
    session.execute(update(Mail).where(is_theirs).values(to_address=""))


def delivery_key(kind: str, booking_id: uuid.UUID) -> str:
    """What must be told at most once: `booking-confirmed:0f8e…`, the id without hyphens."""
    return f"{_prefix(kind)}{booking_id.hex}"


def _write(kind: str, column: InstrumentedAttribute[Key], keys: Sequence[Key]) -> None:
    """Queue a mail for each booking with one of these keys, unless it was told before or has no address to write to."""
    connection = db.session.connection()
    for start in range(0, len(keys), PORTION):
        portion = {"keys": keys[start : start + PORTION], "now": utc_now()}
        connection.execute(_insert(connection.dialect.name, kind, column), portion)
    if keys:
        on_commit(wakeups.wake)


@cache
def _insert(database: str, kind: str, column: InstrumentedAttribute[Key]) -> Insert:
    """The database makes the rows itself: sending them to it takes five times as long, and the allocator waits."""
    values = {
        # Ids have hyphens in PostgreSQL and none in SQLite.
        "delivery_key": literal(_prefix(kind)) + func.replace(cast(Booking.id, String), "-", ""),
        "kind": literal(kind),
        "to_address": User.email,
        "user_id": User.id,
        "booking_id": Booking.id,
        "event_id": Booking.event_id,
        "context": literal({}, JSON),
        "status": literal(QUEUED),
        "created_at": bindparam("now", type_=UTCDateTime),
        "not_before": bindparam("now", type_=UTCDateTime),
    }
    has_address = (User.email != "") & User.anonymised_at.is_(None)
    is_meant = column.in_(bindparam("keys", expanding=True))
    rows = select(*values.values()).join(User, Booking.user_id == User.id).where(is_meant, has_address).order_by(Booking.seq)
    insert = (sqlite_insert if database == "sqlite" else postgresql_insert)(Mail)
    statement = insert.from_select(list(values), rows, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=[Mail.delivery_key])


def _prefix(kind: str) -> str:
    return f"{kind.replace('_', '-')}:"
