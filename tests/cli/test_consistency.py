"""`flask check-ledger` against a database that was broken by hand, in every way the rules know."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from evently.bookings.models import Booking
from evently.database import transaction, utc_now
from evently.events.models import Event, TicketStock
from tests.factories import make_booking, make_event
from tests.harness.site import fresh

NOW = utc_now()


def change(table: type[Any], **values: Any) -> Callable[[Booking], object]:
    """Breaks the rows of the event, and of the booking where the table is that of bookings."""

    def break_rows(booking: Booking) -> None:
        key = {Booking: lambda: Booking.id == booking.id, Event: lambda: Event.id == booking.event_id}
        condition = key.get(table, lambda: TicketStock.event_id == booking.event_id)()
        with transaction() as session:
            session.execute(sa.update(table).where(condition).values(**values))

    return break_rows


def lose_stock(booking: Booking) -> None:
    with transaction() as session:
        session.execute(sa.delete(TicketStock).where(TicketStock.event_id == booking.event_id))


def take_ticket_of_another_event(booking: Booking) -> None:
    other = make_event()
    change(Booking, ticket_type_id=other.ticket_types[0].id)(booking)


def waiting(**values: Any) -> dict[str, Any]:
    return {"status": "processing", "decided_at": None, "booking_date": NOW} | values


# What is done to a confirmed booking of 3 out of 10 seats: the row that is named, what is said of it.
BREACHES: dict[str, tuple[Callable[[Booking], object], str, str]] = {
    "a counter too high": (change(TicketStock, reserved=4), "stock", "seats counted as taken: 4, tickets confirmed: 3, capacity: 10"),
    "a counter too low": (change(TicketStock, reserved=0), "stock", "seats counted as taken: 0, tickets confirmed: 3, capacity: 10"),
    "more sold than there is": (
        change(Booking, ticket_count=11),
        "stock",
        "seats counted as taken: 3, tickets confirmed: 11, capacity: 10",
    ),
    "another capacity": (change(Event, capacity=11), "event", "capacity 11, stock 10"),
    "no stock": (lose_stock, "event", "no stock row"),
    "waiting and decided": (change(Booking, **waiting(decided_at=NOW)), "booking", "waiting, yet has a time of decision"),
    "never decided": (change(Booking, decided_at=None), "booking", "decided, yet without a time of decision"),
    "no reason": (change(Booking, status="failed", failure_code=None), "booking", "failed without a reason"),
    "cancelled at no time": (change(Booking, status="cancelled"), "booking", "cancelled without a time"),
    "not cancelled at a time": (change(Booking, cancelled_at=NOW), "booking", "not cancelled, yet has a time of cancelling"),
    "another event's ticket": (take_ticket_of_another_event, "booking", "its ticket type is of another event"),
    "alive after its event": (change(Event, status="cancelled"), "booking", "its event is cancelled"),
    "stuck": (change(Booking, **waiting(booking_date=NOW - dt.timedelta(hours=1))), "booking", "in line for more than a minute"),
}


@pytest.fixture
def check(app: Flask) -> Callable[..., Result]:
    def run(*options: str) -> Result:
        result = app.test_cli_runner().invoke(args=["check-ledger", *options])
        fresh()
        return result

    return run


@pytest.fixture
def booking(app: Flask) -> Booking:
    # A neighbour in order, which is never named.
    make_booking()
    return make_booking(tickets=3)


def rows_of(booking: Booking) -> dict[str, str]:
    return {
        "stock": f"ticket_stock {booking.ticket_type_id}",
        "event": f"events {booking.event_id}",
        "booking": f"bookings {booking.id}",
    }


def breaches(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if re.match(r"\w+ [0-9a-f-]{36}: ", line)]


@pytest.mark.parametrize("how", BREACHES)
def test_every_row_that_breaks_a_rule_is_named(how: str, check: Callable[..., Result], booking: Booking) -> None:
    rows = rows_of(booking)
    break_it, row, sentence = BREACHES[how]
    break_it(booking)
    result = check()
    assert result.exit_code == 1
    assert any(line.startswith(f"{rows[row]}: {sentence} (") for line in breaches(result)), result.stderr
    number = len(breaches(result))
    assert ("1 row breaks a rule." if number == 1 else f"{number} rows break a rule.") in result.stderr
    # And nobody else's, but for the counter of an event that got a ticket by it.
    fresh()
    assert {line.partition(":")[0] for line in breaches(result)} <= {*rows.values(), *rows_of(booking).values()}


@pytest.mark.parametrize("how", ["a counter too high", "a counter too low"])
def test_counters_can_be_repaired(how: str, check: Callable[..., Result], booking: Booking) -> None:
    BREACHES[how][0](booking)
    result = check("--repair")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "counter was off: 1" in result.stdout
    assert check().exit_code == 0


@pytest.mark.parametrize("how", [how for how in BREACHES if "counter" not in how])
def test_nothing_else_is_repaired(how: str, check: Callable[..., Result], booking: Booking) -> None:
    BREACHES[how][0](booking)
    before = _bookings_and_events()
    result = check("--repair")
    assert result.exit_code == 1
    assert _bookings_and_events() == before


def test_a_repair_counts_by_the_bookings_and_leaves_others_alone(check: Callable[..., Result], booking: Booking) -> None:
    others = [make_booking(tickets=tickets) for tickets in (1, 2)]
    change(TicketStock, reserved=9)(booking)
    change(TicketStock, reserved=0)(others[0])
    assert "counter was off: 2" in check("--repair").stdout
    assert [row.event.reserved_tickets for row in (booking, *others)] == [3, 1, 2]


def _bookings_and_events() -> list[Any]:
    with transaction() as session:
        tables = (Booking.__table__, Event.__table__)
        return [list(session.execute(sa.select(table).order_by(table.c.id))) for table in tables]
