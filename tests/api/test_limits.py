import time

import pytest

from tests.factories import PASSWORD, make_event, make_user


def is_limited(response):
    assert response.status_code == 429
    assert response.json["details"]["code"] == "too_many_requests"
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    return True


def test_bookings_are_counted_per_person(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "2 per minute")
    event, eager, calm = make_event(), make_user(), make_user()
    body = {"event_id": str(event.id), "number_of_tickets": 1}
    assert [api("POST", "/bookings/", body, by=eager).status_code for _ in range(2)] == [201, 201]
    assert is_limited(api("POST", "/bookings/", body, by=eager))
    assert api("POST", "/bookings/", body, by=calm).status_code == 201


def test_every_answer_tells_what_is_left(app, api):
    event, user = make_event(), make_user()
    body = {"event_id": str(event.id), "number_of_tickets": 1}
    answers = [api("POST", "/bookings/", body, by=user) for _ in range(3)]
    assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["10"] * 3
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["9", "8", "7"]
    ends = [int(answer.headers["X-RateLimit-Reset"]) for answer in answers]
    assert all(0 < end - time.time() <= 61 for end in ends)
    # One window, however often it is counted in.
    assert max(ends) - min(ends) <= 1


def test_a_booking_on_the_page_counts_too(app, api, monkeypatch, visitor):
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "1 per minute")
    event, user = make_event(), make_user()
    visitor.submit("/login", {"username": user.username, "password": PASSWORD})
    visitor.submit(f"/events/{event.id}", {"tickets": 1}, action=f"/events/{event.id}/bookings")
    assert is_limited(api("POST", "/bookings/", {"event_id": str(event.id), "number_of_tickets": 1}, by=user))


@pytest.mark.parametrize(("setting", "path"), [("LOGIN_RATE_LIMIT", "/user/auth/login/"), ("REGISTER_RATE_LIMIT", "/user/auth/register/")])
def test_doors_are_counted_per_address(app, api, client, monkeypatch, setting, path):
    monkeypatch.setitem(app.config, setting, "1 per minute")
    body = {"username": "nobody", "password": "guessed it", "email": "wrong"}
    assert api("POST", path, body).status_code in {401, 422}
    assert is_limited(api("POST", path, body))
    elsewhere = client.post(f"/api{path}", json=body, environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert elsewhere.status_code in {401, 422}


def test_limits_can_be_turned_off(app, api, no_limits, monkeypatch):
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1 per minute")
    credentials = {"username": make_user().username, "password": PASSWORD}
    assert [api("POST", "/user/auth/login/", credentials).status_code for _ in range(3)] == [200, 200, 200]
