"""Accepting a booking: one INSERT that commits by itself. The row is the place in line and cannot be lost from then on.

It reads price and currency from the event's row, and writes nothing if that row is not the version that was checked: what
a process remembers of an event may be a second old.
"""

import datetime as dt
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import ReturningInsert

from evently.accounts.token_cache import is_valid
from evently.bookings.models import Booking
from evently.bookings.prices import Price
from evently.bookings.request_locks import acquire, event_lock
from evently.database import single_statement
from evently.events.models import Event

Accepted = Row[tuple[int, Any, str]]
SENT = ("id", "event_id", "ticket_type_id", "user_id", "ticket_count", "status", "booking_date", "task_id")


def enqueue_booking(
    values: dict[str, Any], *, version: dt.datetime, token_id: int | None = None, shown_price: Price | None = None
) -> Accepted | None:
    """The place in line of this new booking, its total and its currency. `values` by column; `version`: the event's `updated_at`.

    None when nothing was written: its id is there already, the same person is just being served for this event, the
    token does not work any more, the event was changed, or the price is not the one shown.
    """
    amount, currency = shown_price or (None, None)
    known = {name: values[name] for name in SENT} | {
        "event_lock": event_lock(values["event_id"]),
        "shown_amount": amount,
        "shown_currency": currency,
        "token_id": token_id,
        "version": version,
    }
    with single_statement() as connection:
        database = connection.dialect.name
        statement = _insert(database, asks_token=token_id is not None, asks_amount=amount is not None, asks_currency=currency is not None)
        return connection.execute(statement, known).one_or_none()


# Built once: on the way of every buyer, building a statement costs as much as asking it.
@cache
def _insert(database: str, *, asks_token: bool, asks_amount: bool, asks_currency: bool) -> ReturningInsert[int, Any, str]:
    sent = {name: bindparam(name, type_=Booking.__table__.c[name].type) for name in SENT}
    event = Event.__table__.c
    conditions = [event.id == sent["event_id"], event.updated_at == bindparam("version")]
    if asks_token:
        conditions.append(is_valid(bindparam("token_id")))
    if asks_amount:
        conditions.append(event.price_per_ticket == bindparam("shown_amount"))
    if asks_currency:
        conditions.append(event.currency == bindparam("shown_currency"))
    if database == "postgresql":
        conditions.append(acquire(sent["user_id"]))
    # Rounded for SQLite, which multiplies floats.
    total = func.round(event.price_per_ticket * sent["ticket_count"], 2)
    row = select(*sent.values(), total, event.currency).where(*conditions)
    insert: PostgresqlInsert | SqliteInsert = (postgresql_insert if database == "postgresql" else sqlite_insert)(Booking)
    statement = insert.from_select([*SENT, "total_amount", "currency"], row, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=[Booking.id]).returning(Booking.seq, Booking.total_amount, Booking.currency)
