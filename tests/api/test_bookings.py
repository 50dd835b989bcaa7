import uuid
from decimal import Decimal

import pytest

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import transaction
from evently.extensions import db
from tests.factories import decide, get_booking, in_days, make_booking, make_event, make_staff, make_user


def wanted(event, tickets=1, **more):
    return {"event_id": str(event.id), "number_of_tickets": tickets} | more


def test_a_booking_from_asking_to_confirmed(api):
    event, user = make_event(price_per_ticket=Decimal("12.50")), make_user()
    response = api("POST", "/bookings/", wanted(event, 2), by=user)
    assert response.status_code == 201
    assert list(response.json) == ["id", "event", "user", "ticket_count", "total_amount", "booking_date", "status", "task_id"]
    assert response.json["event"] == {"id": str(event.id), "name": event.name}
    assert response.json["user"] == {"id": user.id, "username": user.username}
    assert (response.json["ticket_count"], response.json["status"]) == (2, "processing")
    assert '"total_amount":25.00,' in response.text
    uuid.UUID(response.json["task_id"])

    address = response.headers["Location"].removeprefix("/api")
    waiting = api("GET", address, by=user).json
    assert list(waiting) == [*response.json, "position", "decided_per_second", "timeline", "added_by", "accepted_at"]
    assert (waiting["position"], waiting["decided_per_second"]) == (1, 0.0)
    assert waiting["timeline"] == [{"step": "received", "time": response.json["booking_date"]}]
    decide(event)
    decided = api("GET", address, by=user).json
    assert (decided["status"], decided["position"], decided["decided_per_second"]) == ("confirmed", None, None)
    assert [step["step"] for step in decided["timeline"]] == ["received", "confirmed"]


def test_the_place_in_line_counts_those_ahead(api):
    event = make_event()
    bookings = [make_booking(event=event, decided=False) for _ in range(3)]
    assert [api("GET", f"/bookings/{b.id}/", by=b.user).json["position"] for b in bookings] == [1, 2, 3]


def test_a_waiting_booking_says_how_quickly_the_line_moves(api):
    event = make_event()
    make_booking(event=event, decided=True)
    waiting = make_booking(event=event, decided=False)
    line = api("GET", f"/bookings/{waiting.id}/", by=waiting.user).json
    assert line["position"] == 1
    assert line["decided_per_second"] > 0


def test_a_booking_that_came_too_late_says_why(api):
    event = make_event(capacity=1)
    make_booking(event=event, decided=False)
    late = make_booking(event=event, decided=False)
    decide(event)
    response = api("GET", f"/bookings/{late.id}/", by=late.user).json
    assert (response["status"], response["timeline"][-1]["step"], response["timeline"][-1]["reason"]) == ("failed", "failed", "sold_out")


def test_giving_tickets_back_works_once(api):
    booking = make_booking(tickets=3)
    path = f"/bookings/{booking.id}/"
    response = api("DELETE", path, by=booking.user)
    assert (response.status_code, list(response.json.items())) == (200, [("booking_id", str(booking.id)), ("status", "cancelled")])
    again = api("DELETE", path, by=booking.user)
    assert (again.status_code, again.json["details"]["code"]) == (409, "already_cancelled")
    assert api("GET", f"/events/{booking.event_id}/availability/").json["available_tickets"] == 10
    assert [step["step"] for step in api("GET", path, by=booking.user).json["timeline"]] == ["received", "confirmed", "cancelled"]


def test_staff_book_for_others_and_nobody_else_does(api):
    event, user = make_event(), make_user()
    for_them = api("POST", "/bookings/", wanted(event, user_id=user.id), by=make_staff())
    assert (for_them.status_code, for_them.json["user"]["id"]) == (201, user.id)
    refused = api("POST", "/bookings/", wanted(event, user_id=user.id), by=event.organizer)
    assert (refused.status_code, refused.json["details"]["code"]) == (403, "not_yourself")
    assert api("POST", "/bookings/", wanted(event, user_id=user.id), by=user).status_code == 201


def test_nobody_but_staff_learns_which_ids_exist(api):
    event = make_event()
    assert api("POST", "/bookings/", wanted(event, user_id=2_000_000_000), by=make_user()).status_code == 403
    assert api("POST", "/bookings/", wanted(event, user_id=2_000_000_000), by=make_staff()).status_code == 404


@pytest.mark.parametrize(
    ("event", "tickets", "status", "code"),
    [
        ({"capacity": 1}, 2, 409, "not_enough_seats"),
        ({}, 11, 422, "too_many_tickets"),
        ({"max_tickets_per_user": 2}, 3, 422, "over_user_limit"),
        ({"status": "cancelled"}, 1, 409, "event_not_available"),
        ({"status": "draft"}, 1, 404, "not_found"),
        ({"time": in_days(-1)}, 1, 409, "event_started"),
        ({"sales_start": in_days(1)}, 1, 409, "sales_not_started"),
        ({"sales_end": in_days(-1)}, 1, 409, "sales_ended"),
    ],
)
def test_what_cannot_be_booked(api, event, tickets, status, code):
    response = api("POST", "/bookings/", wanted(make_event(**event), tickets), by=make_user())
    assert (response.status_code, response.json["details"]["code"]) == (status, code)
    if status == 422:
        assert list(response.json["details"]["fields"]) == ["number_of_tickets"]
    assert db.session.query(Booking).count() == 0


def test_sold_out(api):
    event = make_event(capacity=1)
    make_booking(event=event)
    response = api("POST", "/bookings/", wanted(event), by=make_user())
    assert (response.status_code, response.json["details"]["code"]) == (409, "sold_out")


NONSENSE = {
    "number_of_tickets": ["2", 1.5, 2.0, 0, -1, 10**12, True, None, [1], {}, "", 1e300, "two"],
    "event_id": ["x", "", None, 5, ["x"], {}, "\0", "9" * 500],
    "user_id": ["1", 0, -1, 1.5, 10**12, True, None, []],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_by_name_and_nothing_is_written(api, no_limits, name):
    event, staff = make_event(), make_staff()
    for value in NONSENSE[name]:
        response = api("POST", "/bookings/", wanted(event) | {name: value}, by=staff)
        assert response.status_code == 422, value
        assert list(response.json["details"]["fields"]) == [name]
    assert db.session.query(Booking).count() == 0


def test_a_total_beyond_what_an_amount_can_be_is_refused(api):
    event = make_event(price_per_ticket=Decimal("99999999.99"))
    response = api("POST", "/bookings/", wanted(event, 2), by=make_user())
    assert (response.status_code, response.json["details"]["code"]) == (422, "too_expensive")
    assert api("POST", "/bookings/", wanted(event, 1), by=make_user()).status_code == 201


def test_a_history_shows_the_newest_first(api):
    user = make_user()
    first, second = make_booking(user=user), make_booking(user=user, tickets=2)
    api("DELETE", f"/bookings/{first.id}/", by=user)
    response = api("GET", f"/users/{user.id}/bookings/", by=user)
    assert list(response.json) == ["count", "next", "previous", "results"]
    newest = response.json["results"][0]
    assert list(newest) == ["id", "event", "ticket_count", "total_amount", "booking_date", "status"]
    event = second.event
    assert newest["event"] == {
        "id": str(event.id), "name": event.name, "venue": event.venue, "time": event.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    assert [row["status"] for row in response.json["results"]] == ["confirmed", "cancelled"]


def test_filters_of_a_history(api):
    user = make_user()
    make_booking(user=user)
    make_booking(user=user, decided=False)
    counts = {"": 2, "status=confirmed": 1, "status=pending": 0, "date_to=2020-01-01": 0, "date_from=2020-01-01": 2, "page_size=1": 2}
    assert {query: api("GET", f"/users/{user.id}/bookings/?{query}", by=user).json["count"] for query in counts} == counts
    for query in ("status=nonsense", "status=", "date_from=x", "page=0", "page_size=1000"):
        assert api("GET", f"/users/{user.id}/bookings/?{query}", by=user).status_code == 422


def test_there_is_no_history_of_nobody(api):
    staff = make_staff()
    for user_id in ("2000000000", "9" * 30, "-1", "x", "1.5", "%00"):
        response = api("GET", f"/users/{user_id}/bookings/", by=staff)
        assert (response.status_code, response.json["details"]["code"]) == (404, "not_found")


def test_there_is_no_such_booking(api):
    user = make_user()
    for booking_id in ("1", "x", "00000000-0000-0000-0000-000000000000", "%00", "9" * 300):
        assert {api(method, f"/bookings/{booking_id}/", by=user).status_code for method in ("GET", "DELETE")} == {404}


def test_the_same_request_with_the_same_key_is_one_booking(api):
    event, user = make_event(), make_user()
    first, again = (api("POST", "/bookings/", wanted(event), by=user, Idempotency_Key="mine") for _ in range(2))
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert db.session.query(Booking).count() == 1


def test_a_role_taken_away_is_gone_at_once(api):
    booking = make_booking()
    staff = make_staff()
    assert api("GET", f"/bookings/{booking.id}/", by=staff).status_code == 200
    with transaction():
        db.session.get(User, staff.id).is_staff = False
    assert api("GET", f"/bookings/{booking.id}/", by=staff).status_code == 404
    assert get_booking(booking.id).status == "confirmed"


def test_nobody_books_for_the_suspended(api):
    suspended, event = make_user(is_active=False), make_event()
    answer = api("POST", "/bookings/", {"user_id": suspended.id, "event_id": str(event.id), "number_of_tickets": 1}, by=make_staff())
    assert (answer.status_code, answer.json["details"]["code"]) == (409, "user_suspended")
