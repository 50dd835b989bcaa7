"""The same request with the same key: the first answer again, and nothing is done a second time."""

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.bookings.services import cancel_booking
from evently.extensions import db
from evently.idempotency.models import IdempotentRequest
from tests.factories import make_booking, make_event, make_user
from tests.idempotency.conftest import Api, bookings, is_replayed


def test_the_first_answer_comes_again(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    first = api.book(event, by=user, key=key)
    cancel_booking(by=user, booking_id=bookings()[0].id)
    again = api.book(event, by=user, key=key)
    assert (first.status_code, is_replayed(first)) == (201, False)
    assert (again.status_code, again.json, is_replayed(again)) == (201, first.json, True)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.content_type == first.content_type
    assert [str(booking.id) for booking in bookings()] == [first.json["id"]]


def test_a_refusal_comes_again_too(api: Api, key: str) -> None:
    event, user = make_event(capacity=1), make_user()
    seat = make_booking(event=event)
    first = api.book(event, by=user, key=key)
    cancel_booking(by=seat.user, booking_id=seat.id)
    again = api.book(event, by=user, key=key)
    assert (first.status_code, first.json["details"]["code"]) == (409, "sold_out")
    assert (again.status_code, again.json, is_replayed(again)) == (409, first.json, True)


def test_another_body_is_refused(api: Api, key: str) -> None:
    event, user = make_event(), make_user()
    api.book(event, by=user, key=key)
    other = api.book(event, by=user, key=key, tickets=2)
    assert (other.status_code, other.json["details"]["code"]) == (422, "idempotency_key_reused")
    assert len(bookings()) == 1


def test_another_path_or_method_is_refused(api: Api, key: str) -> None:
    user = make_user()
    booking = make_booking(user=user)
    assert api("PATCH", "/user/auth/me/", {}, by=user, key=key).status_code == 200
    for method, path in (("POST", "/bookings/"), ("DELETE", f"/bookings/{booking.id}/")):
        other = api(method, path, {}, by=user, key=key)
        assert (other.status_code, other.json["details"]["code"]) == (422, "idempotency_key_reused")
    assert bookings()[0].status == "confirmed"


def test_somebody_elses_key_is_another_key(api: Api, key: str) -> None:
    event = make_event()
    answers = [api.book(event, by=user, key=key) for user in (make_user(), make_user())]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json["id"] for answer in answers}) == len(bookings()) == 2


def test_giving_tickets_back_twice_is_no_mistake_with_a_key(api: Api, key: str) -> None:
    booking = make_booking()
    first, again = (api("DELETE", f"/bookings/{booking.id}/", by=booking.user, key=key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json, is_replayed(again)) == (200, 200, first.json, True)


def test_reading_with_a_key_is_reading(api: Api, key: str) -> None:
    booking = make_booking()
    answers = [api("GET", f"/bookings/{booking.id}/", by=booking.user, key=key) for _ in range(2)]
    assert not any(is_replayed(answer) for answer in answers)


@pytest.mark.parametrize(("length", "status"), [(255, 201), (256, 422)])
def test_keys_have_up_to_255_characters(api: Api, length: int, status: int) -> None:
    answer = api.book(make_event(), by=make_user(), key="k" * length)
    assert answer.status_code == status
    assert len(bookings()) == (status == 201)


def test_replays_count_against_no_limit(app: Flask, api: Api, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "2 per minute")
    event, user = make_event(), make_user()
    assert [api.book(event, by=user, key=key).status_code for _ in range(5)] == [201] * 5
    assert api.book(event, by=user, key=f"{key}-2").status_code == 201
    assert api.book(event, by=user, key=f"{key}-3").status_code == 429
    assert api.book(event, by=user, key=key).status_code == 201


def test_what_was_answered_cannot_be_read_in_the_database(app: Flask, api: Api, key: str) -> None:
    changes = {"phone_number": "+49 341 55 01", "address": "Karl-Heine-Strasse 1"}
    assert api("PATCH", "/user/auth/me/", changes, by=make_user(), key=key).status_code == 200
    [row] = db.session.execute(sa.select(IdempotentRequest.__table__)).mappings()
    stored = " ".join(map(str, row.values()))
    for secret in (key, *changes.values(), app.config["SECRET_KEY"]):
        assert secret not in stored
