"""Keeps the roll-ups: a listener to everything that changes what they count, in the same transaction.

Sales of an event are written under the event's lock, like its stock, and who came under the booking's. Figures of an
organizer are shared by many events, so they are written at the end of the transaction and in order: nobody who holds one
waits for another that comes before it.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import BigInteger, Column, Connection, Table, bindparam, event, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute, Session, SessionTransaction

from evently.bookings.allocator import BatchResult
from evently.bookings.cache_tags import sales_tag
from evently.bookings.models import Booking, CheckIn
from evently.bookings.signals import bookings_cancelled, bookings_decided, check_ins_undone, tickets_checked_in
from evently.database import Base, is_within
from evently.events.models import Event
from evently.extensions import db
from evently.reporting.models import CheckInBucket, EventDay, EventTotal, OrganizerDay
from evently.reporting.time_buckets import bucket_of, utc_day
from evently.tagged_cache import invalidate

# SQLite takes only so many variables at once.
CHUNK_SIZE = 1000
SALES = ("bookings", "tickets", "cents", "ever_confirmed")
# What of a session holds the organizers' figures that are yet to be written.
PENDING_DELTAS = "organizer_days"
# bookings, tickets, cents, ever confirmed
Totals = tuple[int, int, int, int]
OrganizersDay = tuple[int, dt.date, str]


@bookings_decided.connect
def add_decisions(outcome: BatchResult) -> None:
    _count(Booking.seq, [booking.seq for booking in outcome.confirmed], sign=1)


@bookings_cancelled.connect
def subtract_cancellations(booking_ids: Sequence[uuid.UUID], **_why: object) -> None:
    """Those that were still waiting were never counted."""
    _count(Booking.id, booking_ids, sign=-1)


@tickets_checked_in.connect
def add_check_ins(event_id: uuid.UUID, *, rows: Sequence[CheckIn]) -> None:
    _upsert_check_ins(event_id, (row.admitted_at for row in rows), sign=1)


@check_ins_undone.connect
def subtract_check_ins(event_id: uuid.UUID, *, moments: Sequence[dt.datetime]) -> None:
    _upsert_check_ins(event_id, moments, sign=-1)


def _count(column: InstrumentedAttribute[Any], keys: Sequence[Any], *, sign: int) -> None:
    """Add the bookings with these keys, all confirmed before now, or take them away."""
    connection = db.session.connection()
    for start in range(0, len(keys), CHUNK_SIZE):
        for row in connection.execute(_sums(column), {"keys": keys[start : start + CHUNK_SIZE]}).all():
            event_id, organizer_id, day, currency, bookings, tickets, cents = row
            figures = (sign * bookings, sign * tickets, sign * cents, bookings if sign > 0 else 0)
            _add(connection, EventTotal, {"event_id": event_id}, figures)
            _add(connection, EventDay, {"event_id": event_id, "day": day, "currency": currency}, figures)
            _flush_before_commit((organizer_id, day, currency), figures)


def _upsert_check_ins(event_id: uuid.UUID, moments: Iterable[dt.datetime], *, sign: int) -> None:
    connection = db.session.connection()
    database = connection.dialect.name
    for since, number in sorted(Counter(map(bucket_of, moments)).items()):
        tickets = sign * number
        connection.execute(_addition(database, EventTotal, ("admitted",)), {"event_id": event_id, "admitted": tickets})
        connection.execute(_addition(database, CheckInBucket, ("tickets",)), {"event_id": event_id, "since": since, "tickets": tickets})
    invalidate(*sales_tag(event_id)[:1])


def _add(connection: Connection, model: type[Base], key: dict[str, Any], figures: Totals) -> None:
    names = [name for name in SALES if name in model.__table__.c]
    values = {name: figure for name, figure in zip(SALES, figures, strict=True) if name in names}
    connection.execute(_addition(connection.dialect.name, model, tuple(names)), key | values)


def _flush_before_commit(key: OrganizersDay, figures: Totals) -> None:
    session = db.session()
    owed: list[tuple[OrganizersDay, Totals, SessionTransaction | None]] = session.info.setdefault(PENDING_DELTAS, [])
    owed.append((key, figures, session.get_nested_transaction()))


@event.listens_for(Session, "before_commit")
def _write_organizers(session: Session) -> None:
    # Savepoints are committed too, with locks yet to be taken after them.
    if not session.info.get(PENDING_DELTAS) or session.in_nested_transaction():
        return
    sums: dict[OrganizersDay, Totals] = {}
    for key, figures, _ in session.info.pop(PENDING_DELTAS):
        before = sums.get(key, (0, 0, 0, 0))
        sums[key] = cast("Totals", tuple(map(sum, zip(before, figures, strict=True))))
    connection = session.connection()
    for (organizer_id, day, currency), figures in sorted(sums.items()):
        _add(connection, OrganizerDay, {"organizer_id": organizer_id, "day": day, "currency": currency}, figures)


@event.listens_for(Session, "after_soft_rollback")
def _discard_pending(session: Session, ended: SessionTransaction) -> None:
    if owed := session.info.get(PENDING_DELTAS):
        owed[:] = [item for item in owed if ended.nested and not is_within(item[2], ended)]


@cache
def _sums(column: InstrumentedAttribute[Any]) -> Any:
    """What the bookings with these keys amount to that were ever confirmed; usually one row."""
    day, cents = utc_day(Booking.booking_date), sql_cast(func.round(func.sum(Booking.total_amount) * 100), BigInteger)
    group = (Booking.event_id, Event.organizer_id, day, Booking.currency)
    query = select(*group, func.count(), sql_cast(func.sum(Booking.ticket_count), BigInteger), cents).join(
        Event, Event.id == Booking.event_id
    )
    is_counted = (column.in_(bindparam("keys", expanding=True)), Booking.decided_at.is_not(None))
    return query.where(*is_counted).group_by(*group).order_by(Booking.event_id, day, Booking.currency)


@cache
def _addition(database: str, model: type[Base], names: tuple[str, ...]) -> Any:
    """Adds to the row, and makes it where there is none. Built once, like the statements of the allocator beside it."""
    table = cast("Table", model.__table__)
    insert = (sqlite_insert if database == "sqlite" else postgresql_insert)(table)
    key = list(table.primary_key)
    statement = insert.values({column.name: bindparam(column.name, type_=column.type) for column in (*key, *_named(table, names))})
    sums = {column.name: column + statement.excluded[column.name] for column in _named(table, names)}
    return statement.on_conflict_do_update(index_elements=key, set_=sums)


def _named(table: Table, names: tuple[str, ...]) -> list[Column[Any]]:
    return [table.c[name] for name in names]
