"""The same API under a name with its version."""

from tests.factories import PASSWORD, make_event, make_user


def test_both_bases_are_one_api(app):
    def served(base, name):
        return {
            (rule.rule.removeprefix(base), method, rule.endpoint.removeprefix(name))
            for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith(name)
            for method in rule.methods
        }

    assert served("/api", "api.") == served("/api/v1", "api_v1.")


def test_whoever_begins_in_one_version_stays_there(api):
    event, user = make_event(), make_user()
    make_event()
    token = api("POST", "/v1/user/auth/login/", {"username": user.username, "password": PASSWORD}).json["token"]
    who = {"Authorization": f"Bearer {token}"}
    booking = api("POST", "/v1/bookings/", {"event_id": str(event.id), "number_of_tickets": 1}, **who)
    assert booking.headers["Location"] == f"/api/v1/bookings/{booking.json['id']}/"
    assert api("GET", f"/bookings/{booking.json['id']}/", **who).json == api("GET", f"/v1/bookings/{booking.json['id']}/", **who).json
    page = api("GET", "/v1/user/events/?page_size=1").json
    assert page["next"].startswith("http://localhost/api/v1/user/events/?")


def test_refusals_are_the_same(api):
    assert api("GET", "/v1/nonsense/").json == api("GET", "/nonsense/").json
    assert api("POST", "/v1/bookings/", {}).status_code == 401
    assert api("PUT", "/v1/bookings/", {}).status_code == 405


def test_limits_count_both_together(app, api, monkeypatch):
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1 per minute")
    body = {"username": "nobody", "password": "guessed it"}
    assert [api("POST", path, body).status_code for path in ("/user/auth/login/", "/v1/user/auth/login/")] == [401, 429]
