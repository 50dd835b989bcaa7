"""The roll-ups against the rows they are made of: what differs, and how to make them anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import BigInteger, FromClause, Select, Table, delete, func, insert, literal, or_, select, text, union_all
from sqlalchemy import cast as sql_cast

from evently.bookings.cache_tags import ALL_SALES, SALES
from evently.bookings.models import CANCELLED, CONFIRMED, Booking, CheckIn
from evently.database import Base, transaction
from evently.events.models import Event
from evently.extensions import db
from evently.reporting.models import CheckInBucket, EventDay, EventTotal, OrganizerDay
from evently.reporting.rollups import PENDING_DELTAS
from evently.reporting.time_buckets import utc_bucket, utc_day
from evently.tagged_cache import invalidate

# In the order in which those write who change them, so that nobody waits in a circle.
TABLES: tuple[type[Base], ...] = (EventTotal, EventDay, CheckInBucket, OrganizerDay)
IS_CONFIRMED = Booking.status == CONFIRMED
# A booking that was cancelled in the queue was never decided.
WAS_CONFIRMED = (Booking.status.in_([CONFIRMED, CANCELLED]), Booking.decided_at.is_not(None))


@dataclass(frozen=True)
class Mismatch:
    """A figure of a row that is not what counting gives; a row that is missing counts 0."""

    table: str
    row: str
    figure: str
    kept: int
    counted: int


def find_mismatches() -> Iterator[Mismatch]:
    """Every figure that is off; nothing when all is well. Each table is looked at in one moment."""
    for model in TABLES:
        yield from _mismatches_of(model)


def rebuild() -> int:
    """Make all roll-ups anew from the rows; how many rows they have. Who books meanwhile waits until it is done."""
    with transaction() as session:
        if db.engine.dialect.name == "postgresql":
            # What is not committed yet will be added to what we write; we see none of it.
            names = ", ".join(model.__tablename__ for model in TABLES)
            session.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        # We count what this transaction has changed so far, so it owes nothing more.
        session.info.pop(PENDING_DELTAS, None)
        connection, written = session.connection(), 0
        for model in TABLES:
            table = _table(model)
            connection.execute(delete(table))
            written += connection.execute(insert(table).from_select([column.name for column in table.c], recount(model))).rowcount
        invalidate(SALES, ALL_SALES)
    return written


def recount(model: type[Base]) -> Any:
    """What the table should hold, in the order of its columns and by their names."""
    if model is CheckInBucket:
        since = utc_bucket(CheckIn.admitted_at)
        arrivals = select(CheckIn.event_id, since.label("since"), func.count().label("tickets"))
        return arrivals.group_by(CheckIn.event_id, since)
    return _totals() if model is EventTotal else _days(of_organizers=model is OrganizerDay)


def _days(*, of_organizers: bool) -> Select[Any]:
    owner, day = Event.organizer_id if of_organizers else Booking.event_id, utc_day(Booking.booking_date)
    cents = func.round(func.coalesce(func.sum(Booking.total_amount).filter(IS_CONFIRMED), 0) * 100)
    bookings, tickets, ever = _counts()
    query = select(owner, day.label("day"), Booking.currency, bookings, tickets, sql_cast(cents, BigInteger).label("cents"), ever)
    if of_organizers:
        query = query.join(Event, Event.id == Booking.event_id)
    return query.where(*WAS_CONFIRMED).group_by(owner, day, Booking.currency)


def _totals() -> Select[Any]:
    names = ("bookings", "tickets", "ever_confirmed", "admitted")
    sold = select(Booking.event_id, *_counts(), literal(0).label("admitted")).where(*WAS_CONFIRMED).group_by(Booking.event_id)
    zeros = [literal(0).label(name) for name in names[:3]]
    came = select(CheckIn.event_id, *zeros, func.count().label("admitted")).group_by(CheckIn.event_id)
    both = union_all(sold, came).subquery()
    sums = [sql_cast(func.sum(both.c[name]), BigInteger).label(name) for name in names]
    return select(both.c.event_id, *sums).group_by(both.c.event_id)


def _counts() -> tuple[Any, Any, Any]:
    tickets = func.coalesce(func.sum(Booking.ticket_count).filter(IS_CONFIRMED), 0)
    return func.count().filter(IS_CONFIRMED).label("bookings"), tickets.label("tickets"), func.count().label("ever_confirmed")


def _mismatches_of(model: type[Base]) -> Iterator[Mismatch]:
    table, counted = _table(model), recount(model).subquery()
    keys = [column.name for column in table.primary_key]
    figures = [column.name for column in table.c if not column.primary_key]
    sides = union_all(_side(table, counted=False, keys=keys, figures=figures), _side(counted, counted=True, keys=keys, figures=figures))
    both = sides.subquery()
    pairs = [(func.sum(both.c[f"kept_{name}"]), func.sum(both.c[f"counted_{name}"])) for name in figures]
    key = [both.c[name] for name in keys]
    sums = [
        column.label(f"{side}_{name}") for name, pair in zip(figures, pairs, strict=True) for side, column in zip("kc", pair, strict=True)
    ]
    query = select(*key, *sums).group_by(*key).having(or_(*(kept != real for kept, real in pairs))).order_by(*key)
    for row in db.session.execute(query):
        for place, name in enumerate(figures):
            kept, real = (int(value) for value in row[len(keys) + 2 * place :][:2])
            if kept != real:
                yield Mismatch(table.name, " ".join(map(str, row[: len(keys)])), name, kept, real)


def _side(source: FromClause, *, counted: bool, keys: Sequence[str], figures: Sequence[str]) -> Select[Any]:
    kept = [(literal(0) if counted else source.c[name]).label(f"kept_{name}") for name in figures]
    real = [(source.c[name] if counted else literal(0)).label(f"counted_{name}") for name in figures]
    return select(*(source.c[name] for name in keys), *kept, *real)


def _table(model: type[Base]) -> Table:
    return cast("Table", model.__table__)
