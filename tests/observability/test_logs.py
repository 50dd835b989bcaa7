"""Log lines: which request, task and person they are about, and what is never in them."""

import logging
import re
import subprocess
import sys

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from evently.accounts.models import User
from evently.bookings import allocator
from evently.bookings.tasks import allocate_event
from evently.celery_app import publish
from evently.database import transaction
from evently.launch.embedded import EmbeddedWorker
from evently.observability import context
from evently.observability.redaction import without_secrets
from tests.factories import api_token, auth, log_in, make_booking, make_event, make_user
from tests.faults.consistency import until
from tests.harness.parts import ROOT
from tests.harness.site import on_sqlite
from tests.observability.reading import written

log = logging.getLogger("evently.tests")
TOKEN = "0123456789abcdef0123456789abcdef01234567"


@on_sqlite
def test_a_line_says_which_request_it_is_of_and_what_that_is_about(client, monkeypatch):
    user, event = make_user(), make_event()
    monkeypatch.setattr("evently.bookings.wakeups.publish", lambda *_args, **_kwargs: log.warning("Seen") or True)
    with written() as lines:
        answer = client.post(
            "/api/bookings/", json={"event_id": str(event.id), "number_of_tickets": 1}, headers=auth(user) | {"X-Request-ID": "order-17"}
        )
    [line] = lines.about("Seen")
    assert line == {
        "event": "Seen", "level": "warning", "logger": "evently.tests", "timestamp": line["timestamp"],
        "request_id": "order-17", "user_id": str(user.id), "event_id": str(event.id), "booking_id": answer.json["id"],
    }  # fmt: skip


@on_sqlite
def test_a_page_knows_its_person_and_its_booking(app, client, monkeypatch):
    user = make_user()
    booking = make_booking(user=user)
    log_in(client, user)
    monkeypatch.setitem(app.config, "LOG_REQUESTS", True)
    with written() as lines:
        client.get(f"/bookings/{booking.id}", headers={"X-Request-ID": "page-1"})
        client.get("/about-nothing", headers={"X-Request-ID": "page-2"})
    first, second = lines.about("Request")
    assert (first["request_id"], first["user_id"], first["booking_id"]) == ("page-1", str(user.id), str(booking.id))
    assert second["request_id"] == "page-2"
    assert "booking_id" not in second


@on_sqlite
def test_requests_have_a_line_where_they_fail_are_slow_or_all_are_wanted(app, client, monkeypatch):
    with written() as lines:
        client.get("/?q=secret-search")
        client.get("/nowhere/at/all")
    assert lines.about("Request") == []
    monkeypatch.setitem(app.config, "LOG_REQUESTS", True)
    with written() as lines:
        client.get("/?q=secret-search")
        client.get("/nowhere/at/all")
    assert [(line["method"], line["route"], line["status"], line["level"]) for line in lines.about("Request")] == [
        ("GET", "/", 200, "info"),
        ("GET", "none", 404, "info"),
    ]
    assert "secret-search" not in lines.text
    monkeypatch.setitem(app.config, "LOG_REQUESTS", False)
    monkeypatch.setitem(app.config, "SLOW_REQUEST_MS", 0.001)
    with written() as lines:
        client.get("/healthz")
    assert lines.about("Request")[0]["level"] == "warning"
    monkeypatch.setattr("evently.http.health.alive", None)
    monkeypatch.setitem(app.view_functions, "health.alive", lambda: 1 / 0)
    with written() as lines:
        client.get("/healthz")
    assert "ZeroDivisionError" in lines.about("unhandled")[0]["exception"]
    assert (lines.about("Request")[0]["status"], lines.about("Request")[0]["level"]) == (500, "error")


def test_a_task_goes_on_under_the_name_of_its_request(app, monkeypatch):
    if not app.config["EMBEDDED"]:
        pytest.skip("its tasks are done in other processes")
    event = make_event()
    seen = []
    monkeypatch.setattr(
        allocator, "process_queue", lambda *_args, **_kwargs: seen.append(dict(context.current())) or log.warning("Seen") or 0
    )
    with written() as lines, EmbeddedWorker(app.extensions["celery"], beat=False):
        context.reset(request_id="order-17")
        publish(allocate_event, args=[str(event.id)], task_id="task-1")
        until(lambda: bool(seen), within=10, what="the task is done")
    context.reset()
    assert seen == [{"task": "bookings.allocate_event", "task_id": "task-1", "request_id": "order-17"}]
    assert lines.about("Seen")[0]["request_id"] == "order-17"


@on_sqlite
def test_no_secret_is_ever_in_a_line(app, client, visitor, monkeypatch):
    """Every door that takes a secret, with each line that could be written, and with a crash in the midst of it."""
    user = make_user(username="ada", email="ada@example.org")
    token = api_token(user)
    monkeypatch.setitem(app.config, "LOG_REQUESTS", True)
    with written(level=logging.DEBUG) as lines:
        visitor.submit("/login", {"username": "ada", "password": "wrong-Secret-1"})
        visitor.client.get("/password-reset/1.99.very-secret-Signature-0123456789")
        client.get("/?token=very-secret-token", headers={"Authorization": f"Token {token}", "Cookie": "session=very-secret-cookie"})
        client.post("/api/auth/login/", json={"username": "ada", "password": "wrong-Secret-2"})
        monkeypatch.setattr("evently.events.queries.describe_public_events", lambda *_args, **_kwargs: crash(token))
        client.get("/api/user/events/", headers={"Authorization": f"Token {token}"})
    assert lines.about("unhandled")
    for secret in (token, "very-secret", "wrong-Secret", app.config["SECRET_KEY"], user.password_hash):
        assert secret not in lines.text, secret


def test_what_was_written_is_not_told_when_it_fails(app):
    """The database's own words hold what must be unique, but no other value."""
    make_user(username="ada")
    user = make_user(username="bob", password_hash="$argon2id$v=19$secret-hash")
    with written() as lines:
        try:
            with transaction() as session:
                session.execute(sa.update(User).where(User.id == user.id).values(username="ada", password_hash="other-secret-hash"))
        except IntegrityError:
            log.exception("Broken")
    assert "UPDATE users" in lines.text
    assert "secret-hash" not in lines.text


def crash(token):
    raise RuntimeError(
        f"could not ask https://ada:very-secret@db/?key=very-secret with Authorization: Token {token}, password='very-secret'"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Token abc.def", "Authorization: *** ***"),
        ("sent Bearer abc.def, twice", "sent Bearer ***, twice"),
        ("postgresql://ada:p%40ss@db/box", "postgresql://***@db/box"),
        ("redis://:secret@cache:6379/0", "redis://***@cache:6379/0"),
        ("GET /search?q=x&token=y HTTP/1.1", "GET /search?*** HTTP/1.1"),
        ("https://x.org/a?code=12 failed", "https://x.org/a?*** failed"),
        ("SECRET_KEY=abc, next", "SECRET_KEY=***, next"),
        ("{'password': 'a b', 'name': 'x'}", "{'password': ***, 'name': 'x'}"),
        (f"token {TOKEN}", "token ***"),
        ("Failing row contains (1, ada, $argon2id$v=19$m=65536,t=3$abc/+$x, t).", "Failing row contains (1, ada, *** t)."),
        ("/password/1.1699.aB3dE6gH9jK2mN5pQ8sT1vW4", "/password/1.1699.***"),
        ("Mail 17 to ada@example.org failed: 550 no such user", None),
        ("event 0b4ee1b4-6f6c-4a4b-9d53-6f1f3a0f8c11 was decided", None),
        ("What was to follow a commit failed. Why?", None),
    ],
)
def test_secrets_are_cut_out_of_words(text, shown):
    assert without_secrets({"event": text}) == {"event": shown or text}


def test_secrets_are_known_by_their_names():
    line = {"password": "x", "api_key": 17, "X-CSRF-Token": "y", "number_of_tickets": 2, "user_id": 1}
    assert without_secrets(line) == {"password": "***", "api_key": "***", "X-CSRF-Token": "***", "number_of_tickets": 2, "user_id": 1}


def test_embedded_mode_has_lines_for_people():
    context.reset(request_id="order-17")
    with written(is_json=False) as lines:
        log.warning("The broker is %s", "away")
        try:
            int("x")
        except ValueError:
            log.exception("Broken")
    context.reset()
    first, second, *trace = lines.text.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING evently.tests: The broker is away \(request_id=order-17\)", first)
    assert second.endswith("ERROR evently.tests: Broken (request_id=order-17)")
    assert trace[0].startswith("Traceback")
    assert trace[-1].startswith("ValueError")


def test_a_process_of_production_writes_json_and_nothing_else_is_loaded_for_it(tmp_path):
    program = (
        "import logging, sys\n"
        "from config import load_settings\n"
        "from evently.observability import process_setup\n"
        "values = {'DATABASE_URL': 'postgresql://db/box', 'SECRET_KEY': '8d4c1f0e9b7a6d5c4b3a29181706f5e4d3c2b1a0'}\n"
        "process_setup.configure(load_settings(values))\n"
        "logging.getLogger('evently').debug('not heard')\n"
        "logging.getLogger('other').info('not heard')\n"
        "assert 'structlog' not in sys.modules\n"
        "logging.getLogger('evently.x').info('Heard', extra={'ms': 3})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r'{"event": "Heard", "level": "info", "logger": "evently.x", "ms": 3, "timestamp": "[^"]+"}', done.stderr.strip())
