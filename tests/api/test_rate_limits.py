import json
import time
import urllib.error
import urllib.request

import pytest

from config import Settings, load_settings
from evently import circuit_breaker
from tests.factories import PASSWORD, make_event, make_user
from tests.harness.live import serving

LIMITS = [name for name in Settings.__annotations__ if name.endswith("_RATE_LIMIT") or name == "RATELIMIT_DEFAULT"]
WRONG = {"username": "nobody", "password": "guessed it"}


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


def test_everything_else_is_counted_per_person_and_strangers_per_address(app, api, client, monkeypatch):
    monkeypatch.setitem(app.config, "RATELIMIT_DEFAULT", "2 per minute")
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "2 per minute")
    eager, calm = make_user(), make_user()
    # One window for whatever is asked.
    assert [api("GET", path, by=eager).status_code for path in ("/user/auth/me/", "/user/events/", "/v1/user/auth/me/")] == [200, 200, 429]
    assert is_limited(api("GET", "/user/events/", by=eager))
    assert api("GET", "/user/events/", by=calm).status_code == 200
    assert [api("GET", "/user/events/").status_code for _ in range(3)] == [200, 200, 429]
    elsewhere = client.get("/api/user/events/", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert (elsewhere.status_code, elsewhere.headers["X-RateLimit-Remaining"]) == (200, "1")


def test_addresses_that_lead_nowhere_are_counted_too(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "2 per minute")
    assert [api("GET", "/nonsense/").status_code for _ in range(3)] == [404, 404, 429]


def test_a_token_that_is_none_is_a_stranger_s(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "2 per minute")
    for number in range(2):
        assert api("GET", "/user/auth/me/", Authorization=f"Token made-up-{number}").status_code == 401
    assert is_limited(api("GET", "/user/auth/me/", Authorization="Token made-up-3"))


@pytest.mark.parametrize("setting", LIMITS)
def test_every_limit_is_a_setting(tmp_path, setting):
    settings = load_settings({"EVENTLY_DATA_DIR": str(tmp_path), setting: "7 per day"})
    assert getattr(settings, setting) == "7 per day"


def test_limits_go_on_in_memory_while_their_server_is_away(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "2 per minute")
    assert api("POST", "/user/auth/login/", WRONG).status_code == 401
    monkeypatch.setattr(circuit_breaker, "_open_until", time.monotonic() + 60)
    answers = [api("POST", "/user/auth/login/", WRONG) for _ in range(3)]
    # In embedded mode the memory is the only one there is.
    assert [answer.status_code for answer in answers] == ([401, 429, 429] if app.config["EMBEDDED"] else [401, 401, 429])
    assert is_limited(answers[-1])
    assert answers[0].headers["X-RateLimit-Limit"] == "2"


def statuses(address, body=None):
    found = []
    for _ in range(4):
        request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as response:
                found.append(response.status)
        except urllib.error.HTTPError as error:
            with error:
                found.append(error.code)
    return found


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_one_setting_turns_all_of_them_off(app, site):
    tight = dict.fromkeys(LIMITS, "1 per hour") | {"NETWORK_RATE_LIMIT": "1000 per hour"}
    for enabled, allowed in (("true", 1), ("false", 4)):
        with serving(site, RATELIMIT_ENABLED=enabled, **tight) as address:
            login, events = f"{address}/api/user/auth/login/", f"{address}/api/openapi.json"
            assert statuses(login, json.dumps(WRONG).encode()) == allowed * [401] + (4 - allowed) * [429]
            # The harness has asked whether the server answers, at a URL that is not counted.
            assert statuses(events) == allowed * [200] + (4 - allowed) * [429]
