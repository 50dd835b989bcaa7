"""A buyer pays the price that the event has when the booking is accepted, and only if it is the price they were shown."""

import http.client
import json
import re
import threading
import uuid
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.bookings.consistency import check
from evently.bookings.models import Booking
from evently.bookings.prices import Price
from evently.bookings.services import book_tickets
from evently.database import transaction, utc_now
from evently.errors import Conflict, DomainError
from evently.events import sale_cache
from evently.events.models import Event
from evently.events.services import update_event
from evently.events.validation import MAX_PRICE
from evently.extensions import db
from evently.reporting import rollup_verification
from tests.factories import auth, decide, in_days, log_in, make_event, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import fresh
from tests.harness.visitor import Visitor

CHEAP, DEAR = Decimal("10.00"), Decimal("500.00")


@pytest.fixture(autouse=True)
def _remembers_for_longer_than_a_slow_machine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sale_cache, "TTL_SECONDS", 3600.0)


@pytest.fixture
def rush(app: Flask) -> Event:
    """An event with plenty of seats at 10.00, which this process remembers from a booking."""
    event = make_event(capacity=1000, price_per_ticket=CHEAP)
    book_tickets(user=make_user(), event_id=event.id, tickets=1)
    assert sale_cache.get(event.id)
    return event


def change_elsewhere(event: Event, **values: object) -> None:
    """As another web process changes the row, of which this process learns nothing."""
    with transaction() as session:
        session.execute(sa.update(Event).where(Event.id == event.id).values(values).execution_options(synchronize_session=False))
    fresh()
    # What this process remembers is out of date now.
    assert sale_cache.get(event.id)


def refused(**wish: object) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        book_tickets(**{"user": make_user(), "tickets": 2} | wish)
    return refusal.value


def count_bookings() -> int:
    return db.session.query(Booking).count()


@pytest.mark.parametrize(("before", "after"), [(CHEAP, DEAR), (DEAR, CHEAP), (CHEAP, Decimal(0))])
def test_the_price_is_read_when_the_booking_is_accepted(app: Flask, before: Decimal, after: Decimal):
    event = make_event(capacity=1000, price_per_ticket=before)
    book_tickets(user=make_user(), event_id=event.id, tickets=1)
    change_elsewhere(event, price_per_ticket=after, currency="CHF")
    booking = book_tickets(user=make_user(), event_id=event.id, tickets=3)
    assert (booking.total_amount, booking.currency) == (after * 3, "CHF")
    kept = reload(booking)
    assert (kept.total_amount, kept.currency) == (after * 3, "CHF")


@pytest.mark.parametrize("price", ["0.01", "0.10", "12.35", "19.99", "33.33", "9999999.99"])
def test_the_total_is_exact_to_the_cent(app: Flask, price: str):
    event = make_event(capacity=1000, price_per_ticket=Decimal(price))
    for tickets in (1, 3, 7, 10):
        booking = book_tickets(user=make_user(), event_id=event.id, tickets=tickets)
        assert reload(booking).total_amount == booking.total_amount == Decimal(price) * tickets


@pytest.mark.parametrize(("before", "after"), [(CHEAP, DEAR), (DEAR, CHEAP)])
def test_who_was_shown_another_price_is_refused_and_nothing_is_booked(app: Flask, before: Decimal, after: Decimal):
    event = make_event(capacity=1000, price_per_ticket=before)
    book_tickets(user=make_user(), event_id=event.id, tickets=1, shown_price=Price(before, "EUR"))
    change_elsewhere(event, price_per_ticket=after)
    refusal = refused(event_id=event.id, shown_price=Price(before, "EUR"))
    assert (refusal.status, refusal.code) == (409, "price_changed")
    assert refusal.message == f"The price changed from {before} to {after} EUR; nothing was booked."
    assert count_bookings() == 1
    book_tickets(user=make_user(), event_id=event.id, tickets=2, shown_price=Price(after, "EUR"))
    assert count_bookings() == 2


def test_another_currency_is_another_price(rush: Event):
    change_elsewhere(rush, currency="JPY")
    assert refused(event_id=rush.id, shown_price=Price(CHEAP, "EUR")).code == "price_changed"
    # A program may name the amount alone.
    book_tickets(user=make_user(), event_id=rush.id, tickets=1, shown_price=Price(CHEAP))


def test_a_booking_that_was_written_is_not_asked_again(rush: Event):
    """Its answer was lost; the price that changed since is not its price."""
    user, booking_id = make_user(), uuid.uuid4()
    wish = {"user": user, "event_id": rush.id, "tickets": 2, "booking_id": booking_id, "shown_price": Price(CHEAP, "EUR")}
    first = book_tickets(**wish)
    change_elsewhere(rush, price_per_ticket=DEAR)
    again = book_tickets(**wish)
    assert (again.id, again.total_amount) == (first.id, CHEAP * 2)


CHANGES = {
    "fewer for each booking": ({"max_tickets_per_booking": 1}, "too_many_tickets"),
    "too dear for one booking": ({"price_per_ticket": MAX_PRICE}, "too_expensive"),
    "too many for a person": ({"max_tickets_per_user": 1}, "over_user_limit"),
    "sales that have ended": ({"sales_end": in_days(-1)}, "sales_ended"),
    "sales that begin later": ({"sales_start": in_days(1)}, "sales_not_started"),
    "an event that has begun": ({"time": in_days(-1)}, "event_started"),
    "a cancelled event": ({"status": "cancelled"}, "event_not_available"),
    "a deleted event": ({"archived_at": utc_now()}, "not_found"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_other_rules_are_those_of_that_moment_too(rush: Event, change: str):
    values, code = CHANGES[change]
    change_elsewhere(rush, **values)
    assert refused(event_id=rush.id).code == code
    assert count_bookings() == 1


def test_it_is_still_one_statement(rush: Event):
    statements: list[str] = []
    user = make_user()

    def note(*heard: Any) -> None:
        statements.append(heard[2])

    sa.event.listen(db.engine, "before_cursor_execute", note)
    book_tickets(user=user, event_id=rush.id, tickets=2, shown_price=Price(CHEAP, "EUR"))
    sa.event.remove(db.engine, "before_cursor_execute", note)
    [written] = [words for words in statements if not words.startswith("BEGIN")]
    assert written.startswith("INSERT INTO bookings")


def test_buyers_pay_the_price_they_were_shown_while_it_changes_all_the_time(app: Flask):
    event = make_event(capacity=1000, price_per_ticket=CHEAP)
    people = [make_user().id for _ in range(12)]
    event_id, organizer_id = event.id, event.organizer_id
    is_over, refusals = threading.Event(), set()

    def change_prices() -> None:
        while not is_over.is_set():
            for price in (DEAR, CHEAP):
                update_event(by=get_user(organizer_id), event_id=event_id, fields={"price_per_ticket": price})

    def buy() -> list[tuple[Decimal, Decimal]]:
        paid: list[tuple[Decimal, Decimal]] = []
        for user_id, shown in [(user_id, shown) for user_id in people for shown in (CHEAP, DEAR)]:
            try:
                booking = book_tickets(user=get_user(user_id), event_id=event_id, tickets=1, shown_price=Price(shown, "EUR"))
            except Conflict as refusal:
                refusals.add(refusal.code)
                continue
            paid.append((shown, booking.total_amount))
        is_over.set()
        return paid

    _, paid = at_once(app, [change_prices, buy])
    assert isinstance(paid, list), paid
    assert all(shown == total for shown, total in paid)
    # The second one where it changes faster than it can be read.
    assert refusals <= {"price_changed", "booking_in_progress"}
    decide(event)
    kept = db.session.scalars(sa.select(Booking.total_amount)).all()
    assert sorted(kept) == sorted(total for _, total in paid)
    assert list(check()) == []
    assert list(rollup_verification.find_mismatches()) == []


def book_elsewhere(server: str, headers: dict[str, str], **wish: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=30)
    connection.request("POST", "/api/bookings/", json.dumps(wish), headers | {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_two_processes_never_show_one_price_and_charge_another(app: Flask, live_server: str):
    """The other process served a buyer a moment ago; then the price is changed here."""
    event = make_event(capacity=1000, price_per_ticket=CHEAP)
    wish = {"event_id": str(event.id), "number_of_tickets": 1}
    buyers = [auth(make_user()) for _ in range(9)]
    for shown, after in ((CHEAP, DEAR), (DEAR, CHEAP)):
        for headers in buyers[:3]:
            status, answer = book_elsewhere(live_server, headers, **wish, expected_price=float(shown))
            assert (status, answer.get("total_amount")) == (201, shown), answer
        update_event(by=event.organizer, event_id=event.id, fields={"price_per_ticket": after})
        for headers in buyers[3:6]:
            status, answer = book_elsewhere(live_server, headers, **wish, expected_price=float(shown))
            assert (status, answer["details"]["code"]) == (409, "price_changed")
        for headers in buyers[6:]:
            status, answer = book_elsewhere(live_server, headers, **wish)
            assert (status, answer["total_amount"]) == (201, after)


@pytest.mark.parametrize("htmx", [False, True])
def test_the_page_asks_again_with_the_new_price(visitor: Visitor, rush: Event, htmx: bool):
    user: User = make_user()
    log_in(visitor.client, user)
    address = f"/events/{rush.id}"
    form = next(form for form in visitor.forms(address) if form.action.endswith("/bookings"))
    change_elsewhere(rush, price_per_ticket=DEAR)
    headers = {"HX-Request": "true"} if htmx else {}
    answer = visitor.client.post(form.action, data=dict(form.fields) | {"tickets": 2}, headers=headers)
    assert answer.status_code == 409
    assert "The price changed from €10.00 to €500.00." in answer.text
    assert "Nothing was booked." in answer.text
    assert ("<html" in answer.text) is not htmx
    # The box as it is now: another price, the number that was chosen, and a form that can be sent.
    assert "€1,000.00</output>" in answer.text
    assert "€10.00" not in answer.text.replace("from €10.00", "")
    assert ('id="book-bar" hx-swap-oob="true"' in answer.text) is htmx
    [shown] = re.findall(r'name="price" value="([^"]*)"', answer.text)
    [key] = re.findall(r'id="booking-box".*?name="idempotency_key" value="([^"]*)"', answer.text, re.DOTALL)
    assert count_bookings() == 1
    again = dict(form.fields) | {"tickets": 2, "price": shown, "idempotency_key": key}
    assert visitor.client.post(form.action, data=again, headers=headers).status_code == (204 if htmx else 303)
    fresh()
    assert db.session.scalars(sa.select(Booking.total_amount).where(Booking.user_id == user.id)).all() == [DEAR * 2]


@pytest.mark.parametrize("price", ["-1", "NaN", "sNaN", "Infinity", "1e400", "ten", "٣", "10.001", "9" * 50])
def test_a_price_that_was_never_shown_books_nothing(visitor: Visitor, price: str):
    event = make_event(capacity=1000, price_per_ticket=CHEAP)
    log_in(visitor.client, make_user())
    answer = visitor.submit(f"/events/{event.id}", {"tickets": 1, "price": price}, action=f"/events/{event.id}/bookings")
    assert answer.status_code in {409, 422}
    assert count_bookings() == 0


def test_a_form_without_a_price_pays_the_price_of_now(visitor: Visitor, rush: Event):
    """It was sent by a page of the release before."""
    log_in(visitor.client, make_user())
    change_elsewhere(rush, price_per_ticket=DEAR)
    answer = visitor.submit(f"/events/{rush.id}", {"tickets": 1, "price": None, "currency": None}, action=f"/events/{rush.id}/bookings")
    assert answer.status_code == 303
    assert db.session.scalars(sa.select(Booking.total_amount).order_by(Booking.seq)).all() == [CHEAP, DEAR]


def test_a_program_may_say_which_price_it_showed(client: FlaskClient, rush: Event):
    def ask(**more: object):
        wish = {"event_id": str(rush.id), "number_of_tickets": 2} | more
        return client.post("/api/bookings/", json=wish, headers=auth(make_user()))

    assert ask(expected_price=10).status_code == 201
    change_elsewhere(rush, price_per_ticket=DEAR)
    refusal = ask(expected_price=10.00)
    assert (refusal.status_code, refusal.json["details"]) == (
        409,
        {"code": "price_changed", "fields": {"expected_price": ["A ticket costs 500.00 EUR now."]}},
    )
    assert ask(expected_price=500).json["total_amount"] == 1000
    assert ask().json["total_amount"] == 1000
    assert ask(expected_price=None).json["total_amount"] == 1000
    for wrong in ("10.00", -1, 1e20, True, [10]):
        answer = ask(expected_price=wrong)
        assert (answer.status_code, answer.json["details"]["code"]) == (422, "invalid"), wrong
        assert answer.json["details"]["fields"].keys() == {"expected_price"}
