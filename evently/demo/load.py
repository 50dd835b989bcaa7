"""A site as full as one likes, for load tests: people, events and bookings that keep every rule of the books.

Events are spread over two years around today and bookings over the year that has passed, in order of arrival. What
comes out depends on nothing but the two numbers, apart from ids and moments.
"""

import contextlib
import datetime as dt
import io
import itertools
import random
import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from evently.accounts.models import User
from evently.bookings.allocator import SOLD_OUT
from evently.bookings.cache_tags import ALL_SALES, SALES
from evently.bookings.models import CANCELLED as GIVEN_BACK
from evently.bookings.models import CONFIRMED, FAILED, Booking
from evently.database import Base, transaction, utc_now
from evently.events.cache_tags import ALL_EVENTS, EVENTS
from evently.events.models import CANCELLED, CATEGORIES, DRAFT, PUBLISHED, Event, TicketStock, TicketType
from evently.extensions import db
from evently.reporting.rollup_verification import rebuild
from evently.tagged_cache import invalidate

YEAR, DECISION = dt.timedelta(days=365), dt.timedelta(milliseconds=5)
# How far ahead people book.
AHEAD = dt.timedelta(days=120)
# One of so many is a draft, one is cancelled; one of so many bookings is given back.
DRAFTS, CANCELLATIONS, CANCELLED_BOOKING_SHARE = 50, 40, 12
PRICES = tuple(map(Decimal, ("0", "8", "12.50", "15", "19", "24", "32", "45", "60", "95")))
CAPACITIES = (20, 40, 80, 120, 200, 350, 600, 1200)
# rows in one round trip
PORTION = 20_000

MOODS = ("Quiet", "Long", "Golden", "Restless", "Northern", "Borrowed", "Velvet", "Hollow", "Electric", "Paper", "Distant", "Amber")
THINGS = ("Rivers", "Lanterns", "Machines", "Gardens", "Voices", "Harbours", "Letters", "Mirrors", "Orchards", "Signals", "Winters", "Maps")
FORMS = ("Concert", "Reading", "Workshop", "Exhibition", "Festival", "Lecture", "Matinee", "Rehearsal", "Tasting", "Walk")
HOUSES = ("Hall", "Theatre", "Library", "Brewery", "Chapel", "Pavilion", "Station", "Museum", "Cellar", "Arena")
TOWNS = ("Bremen", "Malmö", "Ghent", "Turin", "Kraków", "Porto", "Ålesund", "Graz", "Tartu", "Cork", "Lyon", "Brno", "Zürich", "Leeds")


class Plan(NamedTuple):
    """What is decided about an event before it is written."""

    id: str
    time: dt.datetime
    status: str
    capacity: int
    price: Decimal


@dataclass
class Crowd:
    """The people, by id, and the events by start with the seats taken of each."""

    organizers: Sequence[int]
    attendees: Sequence[int]
    events: Sequence[Plan]
    taken: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = [0] * len(self.events)


def seed_load(*, events: int, bookings: int) -> None:
    """Add so many events with their stock, and bookings of them, in one transaction; on PostgreSQL some 10,000 rows a second."""
    dice, now = random.Random(events), utc_now()  # noqa: S311 - nothing secret
    with transaction() as session:
        crowd = Crowd(
            organizers=_people(session, max(1, min(events // 200, 500)), is_organizer=True),
            attendees=_people(session, max(1, min(bookings // 8, 50_000))),
            events=[_plan(dice, now, number, events) for number in range(events)],
        )
        # Written last of all, because bookings refer to the rest; planned first, because the stock counts them.
        rows_of_bookings = list(_bookings(dice, now, crowd, bookings)) if events else []
        with _sorted_at_last(session, "ix_events_search"):
            _write(session, Event, _events(dice, now, crowd))
        _write(session, TicketType, ((plan.id, plan.id, "General admission", plan.price, 0) for plan in crowd.events))
        stock = ((plan.id, plan.id, plan.capacity, taken) for plan, taken in zip(crowd.events, crowd.taken, strict=True))
        _write(session, TicketStock, stock)
        _write(session, Booking, rows_of_bookings)
        rebuild()
        invalidate(EVENTS, ALL_EVENTS, SALES, ALL_SALES)
    _tidy_up()


def _people(session: Session, count: int, *, is_organizer: bool = False) -> Sequence[int]:
    prefix, now = f"load-{secrets.token_hex(3)}", utc_now()
    # Nobody has the password of this hash.
    known = {"password_hash": "-", "is_organizer": is_organizer, "created_at": now, "updated_at": now}
    rows = [{"username": f"{prefix}-{n}", "email": f"{prefix}-{n}@example.org", **known} for n in range(count)]
    return list(session.scalars(insert(User).returning(User.id), rows))


def _plan(dice: random.Random, now: dt.datetime, number: int, count: int) -> Plan:
    # One after the other, each at some moment of its share of the two years.
    time = now - YEAR + 2 * YEAR * ((number + dice.random()) / count)
    status = DRAFT if number % DRAFTS == 1 else CANCELLED if number % CANCELLATIONS == 2 else PUBLISHED
    id_ = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    return Plan(id_, time.replace(second=0, microsecond=0), status, dice.choice(CAPACITIES), dice.choice(PRICES))


def _events(dice: random.Random, now: dt.datetime, crowd: Crowd) -> Iterator[tuple[Any, ...]]:
    # As many houses as there would be: each has something on about twice a week.
    houses = max(5, len(crowd.events) // 200)
    for number, plan in enumerate(crowd.events):
        mood, thing, form = dice.choice(MOODS), dice.choice(THINGS), dice.choice(FORMS)
        name = f"{mood} {thing}: {form} {number + 1:07}"
        description = f"{form} about {mood.lower()} {thing.lower()}. Doors open an hour before. Number {number + 1} of the series."
        organizer = crowd.organizers[number % len(crowd.organizers)]
        created_at = min(plan.time - YEAR, now - YEAR) + dt.timedelta(seconds=number % 86_400)
        yield (
            *(plan.id, name, _house(dice.randrange(houses)), dice.choice(CATEGORIES), plan.time, "Europe/Berlin", "EUR", plan.capacity),
            *(description, plan.price, plan.status, organizer, created_at, created_at),
        )


def _house(number: int) -> str:
    town, kind = TOWNS[number % len(TOWNS)], HOUSES[number // len(TOWNS) % len(HOUSES)]
    return f"{kind} {number // (len(TOWNS) * len(HOUSES)) + 1}, {town}"


def _bookings(dice: random.Random, now: dt.datetime, crowd: Crowd, count: int) -> Iterator[tuple[Any, ...]]:
    """In order of arrival, each decided as the allocator would: who comes when the seats are gone gets none."""
    events, per_second = len(crowd.events), len(crowd.events) / (2 * YEAR).total_seconds()
    window = max(1, int(AHEAD.total_seconds() * per_second))
    for number in range(count):
        moment = now - YEAR * (1 - number / count)
        # Events are in order of their start: those to come begin about here, and the next ones are asked for most.
        first = int((moment - now + YEAR).total_seconds() * per_second) + 1
        index = min(first + int(window * dice.random() ** 3), events - 1)
        plan, tickets = crowd.events[index], dice.choice((1, 1, 2, 2, 2, 3, 4))
        if plan.status == DRAFT:
            # Nobody knows of it; the one before is known.
            index -= 1
            plan = crowd.events[index]
        status, code, given_back = CONFIRMED, None, None
        if crowd.taken[index] + tickets > plan.capacity:
            status, code = FAILED, SOLD_OUT
        elif plan.status == CANCELLED or number % CANCELLED_BOOKING_SHARE == 0:
            status, given_back = GIVEN_BACK, moment + dt.timedelta(minutes=1)
        else:
            crowd.taken[index] += tickets
        user = crowd.attendees[int(len(crowd.attendees) * dice.random())]
        id_ = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        row = (id_, plan.id, plan.id, user, tickets, plan.price * tickets, "EUR", status, code, moment, moment + DECISION, given_back)
        yield row


COLUMNS: dict[type[Base], tuple[str, ...]] = {
    Event: (
        *("id", "name", "venue", "category", "time", "timezone", "currency", "capacity"),
        *("description", "price_per_ticket", "status", "organizer_id", "created_at", "updated_at"),
    ),
    # A ticket type has the id of its event, which is one to remember instead of two.
    TicketType: ("id", "event_id", "name", "price", "position"),
    TicketStock: ("ticket_type_id", "event_id", "capacity", "reserved"),
    Booking: (
        *("id", "event_id", "ticket_type_id", "user_id", "ticket_count", "total_amount", "currency", "status", "failure_code"),
        *("booking_date", "decided_at", "cancelled_at"),
    ),
}


def _write(session: Session, model: type[Base], rows: Iterable[tuple[Any, ...]]) -> None:
    remaining = iter(rows)
    while portion := list(itertools.islice(remaining, PORTION)):
        (_copy if db.engine.name == "postgresql" else _insert)(session, model, portion)


@contextlib.contextmanager
def _sorted_at_last(session: Session, index: str) -> Iterator[None]:
    """On PostgreSQL the index of words is made anew: one by one, words take ten times as long as the rest of an event."""
    definition = None
    if db.engine.name == "postgresql":
        definition = session.scalar(text("SELECT indexdef FROM pg_indexes WHERE indexname = :name"), {"name": index})
        session.execute(text(f"DROP INDEX {index}"))
    yield
    if definition:
        session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        session.execute(text(definition))


def _copy(session: Session, model: type[Base], rows: Sequence[tuple[Any, ...]]) -> None:
    # None of the texts above holds a tab, a line break or a backslash.
    lines = ("\t".join("\\N" if value is None else str(value) for value in row) for row in rows)
    driver: Any = session.connection().connection
    with driver.cursor() as cursor:
        cursor.copy_expert(f"COPY {model.__tablename__} ({', '.join(COLUMNS[model])}) FROM STDIN", io.StringIO("\n".join(lines)))


def _insert(session: Session, model: type[Base], rows: Sequence[tuple[Any, ...]]) -> None:
    names = COLUMNS[model]
    places = ", ".join("?" * len(names))
    values = [tuple(_for_sqlite(value) for value in row) for row in rows]
    # All of it is ours, and SQLAlchemy would take ten times as long over each value.
    statement = f"INSERT INTO {model.__tablename__} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names of our own
    session.connection().exec_driver_sql(statement, values)


def _for_sqlite(value: Any) -> Any:
    """As the column types write it."""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"
    if isinstance(value, Decimal):
        return float(value)
    return value.replace("-", "") if isinstance(value, str) and len(value) == 36 else value


def _tidy_up() -> None:
    """Tell the planner what there is now, and let reads find everything in its place."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if db.engine.name == "postgresql" else "ANALYZE")
