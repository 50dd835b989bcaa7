"""Limits that hold: by network and by account, before anything is written, for every URL; and that honest visitors never meet."""

import uuid

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.extensions import db
from evently.http.networks import network_of
from evently.http.rate_limits import EXEMPT
from tests.factories import PASSWORD, api_token, auth, log_in, make_event, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import _redis
from tests.harness.visitor import Visitor
from tests.idempotency.conftest import contents

LOGIN, REGISTER, BOOKINGS = "/api/user/auth/login/", "/api/user/auth/register/", "/api/bookings/"
REFUSED = 300


def source(address: str) -> dict[str, dict[str, str]]:
    """Arguments of a test client's request that comes from this address."""
    return {"environ_base": {"REMOTE_ADDR": address}}


def registration(name: str, email: str = "") -> dict[str, str]:
    return {"username": name, "email": email or f"{name}@example.org", "password": PASSWORD}


def booking_body() -> dict[str, object]:
    return {"event_id": str(make_event(capacity=100).id), "number_of_tickets": 1}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2002:cb00:7107::1", "203.0.113.7"),
        ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::5", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_network_is_one_client(address: str, network: str):
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("setting", "method", "path"),
    [
        ("LOGIN_RATE_LIMIT", "POST", LOGIN),
        ("REGISTER_RATE_LIMIT", "POST", REGISTER),
        ("ANONYMOUS_RATE_LIMIT", "GET", "/"),
        ("NETWORK_RATE_LIMIT", "GET", "/api/user/events/"),
        ("PROBE_RATE_LIMIT", "GET", "/readyz"),
    ],
)
def test_addresses_of_one_ipv6_network_share_every_limit(app, client, monkeypatch, setting: str, method: str, path: str):
    monkeypatch.setitem(app.config, setting, "2 per hour")
    body = {"json": {"username": "x", "password": "y"}} if method == "POST" else {}
    answers = [client.open(path, method=method, **body, **source(f"2001:db8::{n:x}")).status_code for n in range(1, 5)]
    assert 429 not in answers[:2]
    assert answers[2:] == [429, 429]
    assert client.open(path, method=method, **body, **source("2001:db8:0:1::1")).status_code != 429


@pytest.mark.parametrize("endpoint_of", ["page", "api"])
def test_every_url_has_a_limit(app: Flask, endpoint_of: str):
    """Exempt are the endpoints of one list, each with its reason."""
    answered, uncounted = 0, set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api") != (endpoint_of == "api"):
            continue
        for method in rule.methods - {"OPTIONS"}:
            values = {name: value_for(rule, name) for name in rule.arguments}
            with app.test_request_context():
                path = app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
            answer = app.test_client().open(path, method=method, json={})
            answered += 1
            if "X-RateLimit-Remaining" not in answer.headers:
                uncounted.add(rule.endpoint)
    assert answered
    assert uncounted == {endpoint for endpoint in EXEMPT if endpoint.startswith("api") == (endpoint_of == "api")}
    assert all(EXEMPT.values())


def value_for(rule, name: str) -> object:
    converter = rule._converters[name]
    choices = sorted(getattr(converter, "items", []))
    return choices[0] if choices else {"UUIDConverter": uuid.UUID(int=1), "IntegerConverter": 1}.get(type(converter).__name__, "x")


def test_forms_and_posters_are_counted_and_so_are_urls_that_lead_nowhere(app, client, monkeypatch):
    """What was not counted before."""
    event = make_event()
    paths = ["/login", "/register", f"/events/{event.id}/poster.svg", "/tickets/offline.js", "/api/nothing", "/nothing", "/healthz"]
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "1 per hour")
    assert client.get("/").status_code == 200
    assert [client.get(path).status_code for path in paths] == [429] * 6 + [200]


def wal_position() -> int:
    """Bytes that PostgreSQL has written so far; 0 on SQLite."""
    if db.engine.name != "postgresql":
        return 0
    with db.engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")))


@pytest.mark.parametrize(
    ("setting", "method", "path"),
    [
        ("NETWORK_RATE_LIMIT", "POST", BOOKINGS),
        ("BOOKING_RATE_LIMIT", "POST", BOOKINGS),
        ("RATELIMIT_DEFAULT", "PATCH", "/api/user/auth/me/"),
    ],
)
def test_a_refused_request_writes_nothing(app, client, monkeypatch, setting: str, method: str, path: str):
    monkeypatch.setitem(app.config, setting, "1 per hour")
    body, headers = booking_body(), auth(make_user())
    assert client.open(path, method=method, json=body, headers=headers | {"Idempotency-Key": "first"}).status_code < 300
    rows, written = contents(), wal_position()
    for number in range(REFUSED):
        answer = client.open(path, method=method, json=body, headers=headers | {"Idempotency-Key": f"key-{number}"})
        assert answer.status_code == 429
    assert contents() == rows
    # Not a row of ours; the server itself may write a little at any time.
    assert wal_position() - written < 16_384


def test_a_stranger_with_a_key_writes_nothing(client):
    body = booking_body()
    rows = contents()
    for number, headers in enumerate([{}, {"Authorization": "Token invented"}] * 5):
        assert client.post(BOOKINGS, json=body, headers=headers | {"Idempotency-Key": f"key-{number}"}).status_code == 401
    assert contents() == rows


def test_a_refused_form_writes_nothing_either(app, visitor: Visitor, monkeypatch):
    log_in(visitor.client, make_user())
    event = make_event(capacity=100)
    [form] = [form for form in visitor.forms(f"/events/{event.id}") if form.action.endswith("/bookings")]
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "1 per hour")
    answers, rows = [], None
    for number in range(20):
        answers.append(visitor.client.post(form.action, data=dict(form.fields) | {"idempotency_key": f"key-{number}"}))
        rows = rows or contents()
    assert [answer.status_code for answer in answers] == [303] + [429] * 19
    assert contents() == rows


def test_replays_count_for_their_network_and_use_up_no_other_limit(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "2 per hour")
    monkeypatch.setitem(app.config, "NETWORK_RATE_LIMIT", "20 per hour")
    headers, body = auth(make_user()), booking_body()
    answers = [client.post(BOOKINGS, json=body, headers=headers | {"Idempotency-Key": "a"}) for _ in range(30)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [429] * 10
    assert len({answer.json["id"] for answer in answers[:20]}) == 1
    another = client.post(BOOKINGS, json=body, headers=headers | {"Idempotency-Key": "b"}, **source("203.0.113.7"))
    assert another.status_code == 201


def test_replays_of_forms_are_bounded_too(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "NETWORK_RATE_LIMIT", "10 per hour")
    user, body = make_user(), booking_body()
    visitor = Visitor(log_in(client, user))
    [form] = [form for form in visitor.forms(f"/events/{body['event_id']}") if form.action.endswith("/bookings")]
    statuses = [client.post(form.action, data=dict(form.fields)).status_code for _ in range(15)]
    assert statuses == [303] * 9 + [429] * 6


def test_three_hundred_people_behind_one_address_are_not_stopped(app: Flask, client: FlaskClient):
    """With the defaults, in the busiest minutes: everyone reads, a sixth signs in, those who are signed in book."""
    event = make_event(capacity=400)
    path = f"/events/{event.id}"
    anonymous = [client.get(path).status_code for _ in range(300)]
    clicks = [client.post(f"{path}/bookings", data={}).status_code for _ in range(60)]
    people = [make_user() for _ in range(50)]
    tokens = [client.post(LOGIN, json={"username": user.username, "password": PASSWORD}) for user in people]
    body = {"event_id": str(event.id), "number_of_tickets": 1}
    booked = [client.post(BOOKINGS, json=body, headers={"Authorization": f"Token {answer.json['token']}"}) for answer in tokens]
    registered = [client.post(REGISTER, json=registration(f"guest-{number}")) for number in range(50)]
    assert (set(anonymous), set(clicks)) == ({200}, {400})
    assert {answer.status_code for answer in tokens} == {200}
    assert {answer.status_code for answer in (*booked, *registered)} == {201}


def test_people_who_are_signed_in_do_not_share_what_anonymous_visitors_use_up(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "2 per hour")
    monkeypatch.setitem(app.config, "RATELIMIT_DEFAULT", "4 per hour")
    assert [client.get("/api/user/events/").status_code for _ in range(3)] == [200, 200, 429]
    visitor, headers = log_in(app.test_client(), make_user()), auth(make_user())
    assert [visitor.get("/").status_code for _ in range(5)] == [200] * 4 + [429]
    assert [client.get("/api/user/auth/me/", headers=headers).status_code for _ in range(5)] == [200] * 4 + [429]
    # Anonymous writes are apart from anonymous reads.
    assert client.post(LOGIN, json={"username": "nobody", "password": "wrong"}).status_code == 401


def test_an_anonymous_crowd_that_wants_to_book_uses_up_no_bookings(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "1 per hour")
    event = make_event()
    statuses = []
    for _ in range(5):
        visitor = Visitor(app.test_client())
        form = {"tickets": "1", "csrf_token": visitor.token("/login")}
        statuses.append(visitor.client.post(f"/events/{event.id}/bookings", data=form).status_code)
    assert statuses == [303] * 5


def test_probes_and_visitors_do_not_use_up_each_others_limit(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "PROBE_RATE_LIMIT", "3 per hour")
    monkeypatch.setitem(app.config, "NETWORK_RATE_LIMIT", "2 per hour")
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    assert [client.get(path).status_code for path in ("/readyz", "/api/health/", "/metrics", "/readyz")] == [200, 503, 404, 429]


class TestTakenEmails:
    """Trying lists of e-mail addresses over JSON, which tells of an address that it is taken."""

    @pytest.fixture(autouse=True)
    def _registrations(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "REGISTER_RATE_LIMIT", "1000 per hour")

    def test_a_network_is_told_five_times_an_hour(self, client: FlaskClient):
        emails = [make_user().email for _ in range(8)]
        answers = [
            client.post(REGISTER, json=registration(f"spy{n}", email), **source(f"2001:db8::{n + 1:x}")) for n, email in enumerate(emails)
        ]
        assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 3
        assert set(answers[0].json["details"]["fields"]) == {"email"}
        assert answers[5].json["details"]["code"] == "too_many_requests"
        assert 0 < int(answers[5].headers["Retry-After"]) <= 3600
        # Nor is it told any more that an address is free.
        assert client.post(REGISTER, json=registration("spy"), **source("2001:db8::9")).status_code == 429
        assert client.post(REGISTER, json=registration("guest"), **source("203.0.113.7")).status_code == 201

    def test_a_taken_username_hides_no_attempt(self, client: FlaskClient):
        user = make_user()
        answers = [client.post(REGISTER, json=registration(user.username, user.email)).status_code for _ in range(6)]
        assert answers == [422] * 5 + [429]

    def test_other_mistakes_do_not_count(self, client: FlaskClient):
        wrong = [registration("x", "no address"), registration(make_user().username), registration("y") | {"password": "short"}]
        assert {client.post(REGISTER, json=body).status_code for body in wrong * 4} == {422}
        assert client.post(REGISTER, json=registration("guest")).status_code == 201

    def test_changing_ones_own_address_tells_no_more(self, client: FlaskClient):
        spy, another = make_user(), make_user()

        def change(user, address: str):
            body = {"email": make_user().email, "current_password": PASSWORD}
            return client.patch("/api/user/auth/me/", json=body, headers=auth(user), **source(address)).status_code

        assert [change(spy, "198.51.100.1") for _ in range(6)] == [422] * 5 + [429]
        assert change(spy, "198.51.100.2") == 429
        assert change(another, "198.51.100.1") == 429
        assert change(another, "198.51.100.2") == 422

    def test_many_at_once_are_told_no_more(self, app: Flask):
        emails = [make_user().email for _ in range(12)]
        ask = [lambda n=n: app.test_client().post(REGISTER, json=registration(f"spy{n}", emails[n])) for n in range(12)]
        statuses = sorted(answer.status_code for answer in at_once(app, ask))
        assert statuses == [422] * 5 + [429] * 7


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
class TestCost:
    """Counting an ordinary request takes one script on the server of the counters."""

    def scripts(self, app: Flask) -> int:
        stats = _redis(app.config["REDIS_URL"]).info("commandstats")
        return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))

    def test_one_script_for_a_request(self, app: Flask, client: FlaskClient):
        event = make_event(capacity=50)
        headers = {"Authorization": f"Token {api_token(make_user())}"}
        client.get("/api/user/auth/me/", headers=headers)
        body = {"event_id": str(event.id), "number_of_tickets": 1}
        requests = [
            ("GET", f"/events/{event.id}", {}),
            ("GET", "/api/user/events/", {}),
            ("GET", "/api/user/auth/me/", {"headers": headers}),
            ("POST", BOOKINGS, {"headers": headers, "json": body}),
        ]
        for method, path, more in requests:
            before = self.scripts(app)
            assert client.open(path, method=method, **more).status_code < 300
            assert self.scripts(app) - before == 1, path
