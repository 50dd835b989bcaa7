"""Accepting a booking: one INSERT that commits by itself. The row is the place in line and cannot be lost from then on.

It reads the price, the currency and the rules of the sale from the event's row, because what a process remembers of an
event may be a second old.
"""

from functools import cache
from typing import Any

from flask import current_app
from sqlalchemy import BindParameter, ColumnElement, Integer, Row, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import ReturningInsert

from evently.accounts.keyring import still_works
from evently.bookings.locks import event_lock, is_alone
from evently.bookings.models import Booking
from evently.bookings.prices import Price
from evently.database import Money, single_statement
from evently.events.models import Event
from evently.events.rules import MAX_PRICE
from evently.events.sales import is_on_sale

Accepted = Row[tuple[int, Any, str]]
SENT = ("id", "event_id", "ticket_type_id", "user_id", "ticket_count", "status", "booking_date", "task_id")


def accept(values: dict[str, Any], *, token_id: int | None = None, shown_price: Price | None = None) -> Accepted | None:
    """The place in line of this new booking, its total and its currency; `values` by column.

    None when nothing was written: its id is there already, the same person is just being served for this event, the
    token does not work any more, tickets of the event are not sold like this now, or their price is not the one shown.
    """
    amount, currency = shown_price or (None, None)
    known = {name: values[name] for name in SENT} | {
        "event_lock": event_lock(values["event_id"]),
        "most_tickets": current_app.config["MAX_TICKETS_PER_BOOKING"],
        "shown_amount": amount,
        "shown_currency": currency,
        "token_id": token_id,
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
    # SQLite multiplies as floats.
    total = func.round(event.price_per_ticket * sent["ticket_count"], 2)
    conditions = [event.id == sent["event_id"], *_rules(sent, total)]
    if asks_token:
        conditions.append(still_works(bindparam("token_id")))
    if asks_amount:
        conditions.append(event.price_per_ticket == bindparam("shown_amount", type_=Money))
    if asks_currency:
        conditions.append(event.currency == bindparam("shown_currency"))
    if database == "postgresql":
        conditions.append(is_alone(sent["user_id"]))
    row = select(*sent.values(), total, event.currency).where(*conditions)
    insert: PostgresqlInsert | SqliteInsert = (postgresql_insert if database == "postgresql" else sqlite_insert)(Booking)
    statement = insert.from_select([*SENT, "total_amount", "currency"], row, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=[Booking.id]).returning(Booking.seq, Booking.total_amount, Booking.currency)


def _rules(sent: dict[str, BindParameter[Any]], total: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """As the service has them in words, but for the limit of a person: that one is counted before, and by the allocator."""
    most = func.coalesce(Event.__table__.c.max_tickets_per_booking, bindparam("most_tickets", type_=Integer))
    return [is_on_sale(sent["booking_date"]), sent["ticket_count"] <= most, total <= bindparam("max_total", MAX_PRICE, type_=Money)]
