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

from evently.bookings.allocation import Outcome
from evently.bookings.models import Admission, Booking
from evently.bookings.signals import admissions_undone, bookings_cancelled, bookings_decided, tickets_admitted
from evently.bookings.versions import of_sales
from evently.caching import changed
from evently.database import Base, is_within
from evently.events.models import Event
from evently.extensions import db
from evently.reporting.models import Arrival, EventDay, EventTotal, OrganizerDay
from evently.reporting.moments import quarter_of, utc_day

# SQLite takes only so many variables at once.
PORTION = 1000
SALES = ("bookings", "tickets", "cents", "ever_confirmed")
# What of a session holds the organizers' figures that are yet to be written.
OWED = "organizer_days"
# bookings, tickets, cents, ever confirmed
Figures = tuple[int, int, int, int]
OrganizersDay = tuple[int, dt.date, str]


@bookings_decided.connect
def count_decisions(outcome: Outcome) -> None:
    _count(Booking.seq, [booking.seq for booking in outcome.confirmed], sign=1)


@bookings_cancelled.connect
def discount_cancellations(booking_ids: Sequence[uuid.UUID], **_why: object) -> None:
    """Those that were still waiting were never counted."""
    _count(Booking.id, booking_ids, sign=-1)


@tickets_admitted.connect
def count_arrivals(event_id: uuid.UUID, *, rows: Sequence[Admission]) -> None:
    _arrive(event_id, (row.admitted_at for row in rows), sign=1)


@admissions_undone.connect
def discount_arrivals(event_id: uuid.UUID, *, moments: Sequence[dt.datetime]) -> None:
    _arrive(event_id, moments, sign=-1)


def _count(column: InstrumentedAttribute[Any], keys: Sequence[Any], *, sign: int) -> None:
    """Add the bookings with these keys, all confirmed before now, or take them away."""
    connection = db.session.connection()
    for start in range(0, len(keys), PORTION):
        for row in connection.execute(_sums(column), {"keys": keys[start : start + PORTION]}).all():
            event_id, organizer_id, day, currency, bookings, tickets, cents = row
            figures = (sign * bookings, sign * tickets, sign * cents, bookings if sign > 0 else 0)
            _add(connection, EventTotal, {"event_id": event_id}, figures)
            _add(connection, EventDay, {"event_id": event_id, "day": day, "currency": currency}, figures)
            _add_at_last((organizer_id, day, currency), figures)


def _arrive(event_id: uuid.UUID, moments: Iterable[dt.datetime], *, sign: int) -> None:
    connection = db.session.connection()
    database = connection.dialect.name
    for since, number in sorted(Counter(map(quarter_of, moments)).items()):
        tickets = sign * number
        connection.execute(_addition(database, EventTotal, ("admitted",)), {"event_id": event_id, "admitted": tickets})
        connection.execute(_addition(database, Arrival, ("tickets",)), {"event_id": event_id, "since": since, "tickets": tickets})
    changed(*of_sales(event_id)[:1])


def _add(connection: Connection, model: type[Base], key: dict[str, Any], figures: Figures) -> None:
    names = [name for name in SALES if name in model.__table__.c]
    values = {name: figure for name, figure in zip(SALES, figures, strict=True) if name in names}
    connection.execute(_addition(connection.dialect.name, model, tuple(names)), key | values)


def _add_at_last(key: OrganizersDay, figures: Figures) -> None:
    session = db.session()
    owed: list[tuple[OrganizersDay, Figures, SessionTransaction | None]] = session.info.setdefault(OWED, [])
    owed.append((key, figures, session.get_nested_transaction()))


@event.listens_for(Session, "before_commit")
def _write_organizers(session: Session) -> None:
    # Savepoints are committed too, with locks yet to be taken after them.
    if not session.info.get(OWED) or session.in_nested_transaction():
        return
    sums: dict[OrganizersDay, Figures] = {}
    for key, figures, _ in session.info.pop(OWED):
        before = sums.get(key, (0, 0, 0, 0))
        sums[key] = cast("Figures", tuple(map(sum, zip(before, figures, strict=True))))
    connection = session.connection()
    for (organizer_id, day, currency), figures in sorted(sums.items()):
        _add(connection, OrganizerDay, {"organizer_id": organizer_id, "day": day, "currency": currency}, figures)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    if owed := session.info.get(OWED):
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
