"""Accepting a booking: one INSERT that commits by itself. The row is the place in line and cannot be lost from then on."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, true
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import ReturningInsert

from evently.accounts.keyring import still_works
from evently.bookings.locks import event_lock, is_alone
from evently.bookings.models import Booking
from evently.database import single_statement

COLUMNS = ("id", "event_id", "ticket_type_id", "user_id", "ticket_count", "total_amount", "currency", "status", "booking_date", "task_id")


def accept(values: dict[str, Any], *, token_id: int | None = None) -> int | None:
    """The place in line of this new booking, `values` by column.

    None when nothing was written: its id is there already, the same person is just being served for this event, or
    the token does not work any more.
    """
    known = {"event_lock": event_lock(values["event_id"]), "token_id": token_id}
    with single_statement() as connection:
        statement = _insert(connection.dialect.name, asks_token=token_id is not None)
        place: int | None = connection.execute(statement, values | known).scalar()
    return place


# Built once: on the way of every buyer, building a statement costs as much as asking it.
@cache
def _insert(database: str, *, asks_token: bool) -> ReturningInsert[int]:
    sent = {name: bindparam(name, type_=Booking.__table__.c[name].type) for name in COLUMNS}
    conditions: list[ColumnElement[bool]] = [still_works(bindparam("token_id"))] if asks_token else []
    if database == "postgresql":
        conditions.append(is_alone(sent["user_id"]))
    row = select(*sent.values()).where(*conditions or [true()])
    insert: PostgresqlInsert | SqliteInsert = (postgresql_insert if database == "postgresql" else sqlite_insert)(Booking)
    statement = insert.from_select(list(COLUMNS), row, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=[Booking.id]).returning(Booking.seq)
