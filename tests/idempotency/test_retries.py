"""A request with a key that was not carried out, or nobody knows: it may be sent again, and makes one booking at most."""

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.bookings.models import Booking
from evently.bookings.request_locks import user_event_lock
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.extensions import db, limiter
from evently.idempotency import services
from evently.idempotency.models import IdempotentRequest
from evently.idempotency.services import LEASE, Request
from evently.idempotency.tasks import delete_old_requests
from tests.factories import decide, make_event, make_organizer, make_user
from tests.harness.site import apart
from tests.idempotency.conftest import EVENT, Api, bookings, broken_bookings, is_replayed, set_request

SOON, A_MINUTE_AGO = LEASE, -dt.timedelta(minutes=1)


def test_while_the_first_one_is_under_way_the_api_says_so(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    set_request(answer=None, lease_until=utc_now() + SOON)
    second = api.book(event, by=user, key=key)
    assert (second.status_code, second.json["details"]["code"]) == (409, "request_in_flight")
    assert second.headers["Retry-After"] == "1"
    assert [str(booking.id) for booking in bookings()] == [first.json["id"]]


@pytest.mark.parametrize(("remaining", "retry_after"), [(7.9, "1"), (3.4, "4"), (0.6, "1")])
def test_retry_after_is_short_for_a_live_process_and_the_rest_of_the_lease_otherwise(
    api: Api, key: str, remaining: float, retry_after: str
) -> None:
    event, user = make_event(), make_user()
    api.book(event, by=user, key=key)
    set_request(answer=None, lease_until=utc_now() + dt.timedelta(seconds=remaining))
    assert api.book(event, by=user, key=key).headers["Retry-After"] == retry_after


def test_the_lease_of_a_crashed_process_is_short(app: Flask, key: str) -> None:
    """A retry takes over within seconds, not after half a minute."""
    claimed = services.claim(Request(who="anonymous", key=key, content=b"x"))
    until = db.session.scalar(sa.select(IdempotentRequest.lease_until).where(IdempotentRequest.id == claimed.id))
    assert until - utc_now() <= dt.timedelta(seconds=8)


def test_a_lease_of_the_previous_release_is_respected(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    api.book(event, by=user, key=key)
    set_request(answer=None, lease_until=utc_now() + dt.timedelta(seconds=30))
    assert api.book(event, by=user, key=key).status_code == 409


def test_a_process_that_died_before_it_booked(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    with transaction() as session:
        session.execute(sa.delete(Booking))
    set_request(answer=None, lease_until=utc_now() + A_MINUTE_AGO)
    second = api.book(event, by=user, key=key)
    assert (second.status_code, second.json["id"], is_replayed(second)) == (201, first.json["id"], False)
    assert len(bookings()) == 1


def test_a_process_that_died_before_it_answered(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    decide(event)
    set_request(answer=None, lease_until=utc_now() + A_MINUTE_AGO)
    second = api.book(event, by=user, key=key)
    assert (second.status_code, second.json["id"], second.json["status"]) == (201, first.json["id"], "confirmed")
    assert [booking.status for booking in bookings()] == ["confirmed"]


def test_a_process_that_died_after_it_made_an_event(api: Api, key: str) -> None:
    organizer = make_organizer()
    first = api("POST", "/admin/events/", EVENT, by=organizer, key=key)
    set_request(answer=None, lease_until=utc_now() + A_MINUTE_AGO)
    second = api("POST", "/admin/events/", EVENT, by=organizer, key=key)
    assert (second.status_code, second.json["event_id"], is_replayed(second)) == (201, first.json["event_id"], False)
    assert db.session.query(Event).count() == 1


def test_a_clock_that_was_an_hour_ahead_holds_nobody_up_for_an_hour(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    set_request(answer=None, lease_until=utc_now() + dt.timedelta(hours=1))
    second = api.book(event, by=user, key=key)
    assert (second.status_code, second.json["id"]) == (201, first.json["id"])


@pytest.mark.parametrize("rule", [{"capacity": 2}, {"max_tickets_per_user": 2}, {"sales_end": True}], ids=str)
def test_a_booking_that_was_made_is_not_refused_afterwards(api: Api, key: str, rule: dict[str, int]) -> None:
    """Its own tickets have used up what there was, or time has."""
    event, user = make_event(**{name: value for name, value in rule.items() if name != "sales_end"}), make_user()
    first = api.book(event, by=user, key=key, tickets=2)
    decide(event)
    if "sales_end" in rule:
        with transaction():
            event.sales_end = utc_now() + A_MINUTE_AGO
    set_request(answer=None, lease_until=utc_now() + A_MINUTE_AGO)
    second = api.book(event, by=user, key=key, tickets=2)
    assert (second.status_code, second.json["id"]) == (201, first.json["id"])
    assert len(bookings()) == 1


def test_an_answer_that_something_broke_is_not_kept(app: Flask, api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    with broken_bookings(app):
        assert api.book(event, by=user, key=key).status_code >= 500
    again = api.book(event, by=user, key=key)
    assert (again.status_code, is_replayed(again)) == (201, False)


def test_an_answer_that_it_was_too_much_is_not_kept(app: Flask, api: Api, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "1 per minute")
    event, user = make_event(), make_user()
    assert [api.book(event, by=user, key=f"{key}-{number}").status_code for number in range(2)] == [201, 429]
    assert db.session.query(IdempotentRequest).count() == 1, "what is refused by a limit costs no row either"
    limiter.reset()
    again = api.book(event, by=user, key=f"{key}-1")
    assert (again.status_code, is_replayed(again)) == (201, False)


def test_an_answer_to_come_back_later_is_not_kept(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    with user_event_lock(user_id=user.id, event_id=event.id):
        busy = api.book(event, by=user, key=key)
    assert (busy.status_code, busy.json["details"]["code"], busy.headers["Retry-After"]) == (409, "booking_in_progress", "1")
    again = api.book(event, by=user, key=key)
    assert (again.status_code, is_replayed(again)) == (201, False)


def test_an_answer_to_log_in_is_not_kept(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    body = {"event_id": str(event.id), "number_of_tickets": 1}
    assert api("POST", "/bookings/", body, key=key).status_code == 401
    assert api("POST", "/bookings/", body, by=user, key=key).status_code == 201


def test_after_a_day_the_key_is_forgotten(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    set_request(created_at=utc_now() - dt.timedelta(hours=24, seconds=1))
    api.book(event, by=user, key=f"{key} of today")
    assert apart(delete_old_requests) == 1
    again = api.book(event, by=user, key=key)
    assert (again.status_code, is_replayed(again)) == (201, False)
    assert again.json["id"] != first.json["id"]
    assert is_replayed(api.book(event, by=user, key=f"{key} of today"))


def test_the_beat_forgets_keys_every_hour(app: Flask) -> None:
    entries = app.extensions["celery"].conf.beat_schedule.values()
    [entry] = [entry for entry in entries if entry["task"] == "idempotency.forget_old"]
    assert entry["schedule"].run_every == dt.timedelta(hours=1)
