"""Writes many mails with one statement: the database makes the rows itself.

Sending it the rows takes five times as long, and whoever decides bookings waits for it. Each mail has a delivery key,
and one that is there already is not written a second time. Who cannot be reached has a mail too, which says why.
"""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Insert,
    Select,
    SmallInteger,
    String,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import UTCDateTime, on_commit, utc_now
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import (
    ABOUT_EVENTS,
    EVENT_MESSAGE,
    NO_ADDRESS,
    QUEUED,
    SUPPRESSED,
    UNSUBSCRIBED,
    Mail,
    Message,
    Unsubscription,
    priority_of,
)
from evently.notifications.subscriptions import topic_of

# SQLite takes only so many variables at once, and a full house may be called off.
CHUNK_SIZE = 1000

Key = TypeVar("Key", int, uuid.UUID)


def insert_for_bookings(kind: str, column: InstrumentedAttribute[Key], keys: Sequence[Key]) -> None:
    """A mail for each booking with one of these keys; where it is about an event, one for each person."""
    connection = db.session.connection()
    for start in range(0, len(keys), CHUNK_SIZE):
        portion = {"keys": keys[start : start + CHUNK_SIZE], "now": utc_now()}
        connection.execute(_for_bookings(connection.dialect.name, kind, column), portion)
    if keys:
        on_commit(wakeups.notify_worker)


def insert_for_users(
    kind: str, event_id: uuid.UUID, are_meant: ColumnElement[bool], *, occasion: str, topic: str = "", context: dict[str, Any] | None = None
) -> int:
    """One mail for everybody who has a booking of this event that is meant; how many are new.

    They hear of each `occasion` once. Who has unsubscribed from the `topic` does not.
    """
    key = literal(f"{_prefix(kind)}{event_id.hex}:{occasion}:") + cast(User.id, String)
    # Who has it already is passed over: a row that is refused costs a number and a look at every index all the same.
    has_it = select(Mail.id).where(Mail.delivery_key == key).exists()
    return _insert_for_recipients(_rows(kind, key, topic=topic, context=context).where(~has_it), event_id, are_meant)


def insert_for_audience(message: Message, are_meant: ColumnElement[bool]) -> int:
    """A mail of this message for everybody who has a booking of its event that is meant; how many.

    Each mail has an id for the API: digits of the message's id, and the number of the booking it is about. Not of the
    reader's account, which would tell how old it is.
    """
    is_sqlite = db.session.get_bind().dialect.name == "sqlite"
    number = func.printf("%012x", Booking.seq) if is_sqlite else func.lpad(func.to_hex(Booking.seq), 12, "0")
    key = literal(f"{_prefix(EVENT_MESSAGE)}{message.id.hex[:20]}") + cast(number, String)
    rows = _rows(EVENT_MESSAGE, key, topic=topic_of(message.event)).add_columns(literal(message.id, Uuid).label("message_id"))
    return _insert_for_recipients(rows, message.event_id, are_meant)


def _insert_for_recipients(rows: Select[Any], event_id: uuid.UUID, are_meant: ColumnElement[bool]) -> int:
    """Each person's mail is about the newest of their bookings that is meant."""
    newest = select(func.max(Booking.seq)).where(Booking.event_id == event_id, are_meant).group_by(Booking.user_id)
    connection = db.session.connection()
    written = connection.execute(_insert(connection.dialect.name, rows.where(Booking.seq.in_(newest))), {"now": utc_now()}).rowcount
    if written:
        on_commit(wakeups.notify_worker)
    return written


def delivery_key(kind: str, booking_id: uuid.UUID) -> str:
    """What must be told at most once: `booking-confirmed:0f8e…`, the id without hyphens."""
    return f"{_prefix(kind)}{booking_id.hex}"


@cache
def _for_bookings(database: str, kind: str, column: InstrumentedAttribute[Key]) -> Insert:
    key: ColumnElement[str] = literal(_prefix(kind)) + _hex(Booking.id)
    if kind in ABOUT_EVENTS:
        key = literal(_prefix(kind)) + _hex(Booking.event_id) + ":" + cast(User.id, String)
    return _insert(database, _rows(kind, key).where(column.in_(bindparam("keys", expanding=True))))


def _rows(kind: str, key: ColumnElement[str], *, topic: str = "", context: dict[str, Any] | None = None) -> Select[Any]:
    """What `_insert` writes, for the bookings that a further condition names; `now` is still to be given."""
    reasons = [(User.email == "", NO_ADDRESS)]
    if topic:
        is_off = select(Unsubscription.user_id).where(Unsubscription.user_id == User.id, Unsubscription.topic == topic)
        reasons.append((is_off.exists(), UNSUBSCRIBED))
    values: dict[str, ColumnElement[Any]] = {
        "delivery_key": key,
        "kind": literal(kind),
        "priority": literal(priority_of(kind), SmallInteger),
        "to_address": User.email.expression,
        "user_id": User.id.expression,
        "booking_id": Booking.id.expression,
        "event_id": Booking.event_id.expression,
        "context": literal(context or {}, JSON),
        "status": case(*((condition, SUPPRESSED) for condition, _ in reasons), else_=QUEUED),
        "last_error": case(*((condition, cast(reason, Text)) for condition, reason in reasons), else_=null()),
        "created_at": bindparam("now", type_=UTCDateTime),
        "not_before": bindparam("now", type_=UTCDateTime),
    }
    rows = select(*(value.label(name) for name, value in values.items())).join(User, Booking.user_id == User.id)
    return rows.where(User.anonymised_at.is_(None)).order_by(Booking.seq)


def _insert(database: str, rows: Select[Any]) -> Insert:
    insert = (sqlite_insert if database == "sqlite" else postgresql_insert)(Mail)
    statement = insert.from_select(rows.selected_columns.keys(), rows, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=[Mail.delivery_key])


def _hex(column: Any) -> ColumnElement[str]:
    """Ids have hyphens in PostgreSQL and none in SQLite."""
    return func.replace(cast(column, String), "-", "")


def _prefix(kind: str) -> str:
    return f"{kind.replace('_', '-')}:"
