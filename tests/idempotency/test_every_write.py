"""Every address of the API that changes something, asked twice with one key: done once, answered alike."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.bookings import check_ins
from evently.bookings.tickets import tickets_of
from tests.factories import PASSWORD, api_token, make_booking, make_event, make_manual_booking, make_organizer, make_superuser, make_user
from tests.idempotency.conftest import EVENT, Api, contents, is_replayed

ADA = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}

Request = tuple[str, str, Any, User | None]


def book() -> Request:
    return "POST", "/bookings/", {"event_id": str(make_event().id), "number_of_tickets": 1}, make_user()


def cancel() -> Request:
    booking = make_booking()
    return "DELETE", f"/bookings/{booking.id}/", None, booking.user


def accept() -> Request:
    booking = make_manual_booking()
    return "POST", f"/bookings/{booking.id}/acceptance/", None, booking.user


def change_event() -> Request:
    event = make_event()
    return "PUT", f"/admin/events/{event.id}/", {"capacity": 20}, event.organizer


def cancel_event() -> Request:
    event = make_booking().event
    return "POST", f"/admin/events/{event.id}/cancellation/", {"message": "The organ is broken."}, event.organizer


def delete_event() -> Request:
    event = make_event()
    return "DELETE", f"/admin/events/{event.id}/delete/", None, event.organizer


def notify() -> Request:
    event = make_booking().event
    return "POST", f"/admin/events/{event.id}/notify/", {"message": "Doors at seven."}, event.organizer


def check_in() -> Request:
    booking = make_booking()
    return "POST", f"/admin/events/{booking.event_id}/check-in/", {"code": tickets_of(booking)[0].code}, booking.event.organizer


def undo_check_in() -> Request:
    booking = make_booking()
    organizer = booking.event.organizer
    check_ins.check_in(by=organizer, event_id=booking.event_id, code=tickets_of(booking)[0].code)
    return "DELETE", f"/admin/events/{booking.event_id}/check-in/{booking.id}/1/", None, organizer


WRITES: dict[str, Callable[[], Request]] = {
    "register": lambda: ("POST", "/user/auth/register/", ADA, None),
    "login": lambda: ("POST", "/user/auth/login/", {"username": make_user().username, "password": PASSWORD}, None),
    "change_profile": lambda: ("PATCH", "/user/auth/me/", {"first_name": "Ada"}, make_user()),
    "book_tickets": book,
    "cancel_booking": cancel,
    "accept_booking": accept,
    "create_event": lambda: ("POST", "/admin/events/", EVENT, make_organizer()),
    "update_event": change_event,
    "cancel_event": cancel_event,
    "delete_event": delete_event,
    "notify_attendees": notify,
    "check_in": check_in,
    "undo_check_in": undo_check_in,
    "create_staff": lambda: ("POST", "/admin/users/staff/", ADA, make_superuser()),
    "delete_users": lambda: ("POST", "/admin/users/bulk_delete/", {"prefix": "load-"}, make_superuser()),
}


# Their responses hold a token and are not stored; see tests/abuse/test_idempotency_secrets.py.
WITH_SECRET = {"register", "login"}


@pytest.mark.parametrize("write", sorted(WRITES.keys() - WITH_SECRET))
def test_is_done_once_and_answered_twice(write: str, api: Api, key: str) -> None:
    method, path, body, by = WRITES[write]()
    first = api(method, path, body, by=by, key=key)
    assert first.status_code in {200, 201}
    before = contents()
    again = api(method, path, body, by=by, key=key)
    assert contents() == before
    assert (again.status_code, again.data, is_replayed(again)) == (first.status_code, first.data, True)
    assert again.headers.get("Location") == first.headers.get("Location")


def test_none_is_left_out(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.") and rule.methods - {"GET", "HEAD", "OPTIONS"}]
    # Whose token has been taken back is nobody any more, whatever key they send.
    assert {rule.endpoint.removeprefix("api.") for rule in rules} == {*WRITES, "logout"}


def test_who_has_logged_out_stays_so(app: Flask, key: str) -> None:
    headers = {"Authorization": f"Token {api_token(make_user())}", "Idempotency-Key": key}
    answers = [app.test_client().post("/api/user/auth/logout/", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]
