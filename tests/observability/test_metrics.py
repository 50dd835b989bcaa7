"""`/metrics`: who may read it, and whether the figures are right."""

import contextlib
import datetime as dt

import pytest
import sqlalchemy as sa

from evently.celery_app import publish
from evently.database import transaction, utc_now
from evently.extensions import db
from evently.notifications.models import Mail
from evently.observability import metrics
from tests.factories import auth, decide, make_booking, make_event, make_user
from tests.harness.site import on_sqlite
from tests.observability.reading import told

TOKEN = "only for monitors"


@pytest.fixture
def open_to_monitors(app, monkeypatch):
    monkeypatch.setitem(app.config, "METRICS_TOKEN", TOKEN)


@on_sqlite
def test_it_is_closed_without_a_token(client):
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@on_sqlite
def test_it_is_closed_to_whoever_has_another_token(client, open_to_monitors):
    for sent in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer only for monitor"}, {"Authorization": "Bearer ü"}):
        answer = client.get("/metrics", headers=sent)
        assert (answer.status_code, "evently_" in answer.text) == (401, False)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert "Set-Cookie" not in answer.headers


@on_sqlite
def test_requests_are_counted_by_route_and_status(client, open_to_monitors):
    def count(method, route, status):
        name = "evently_http_request_duration_seconds_count"
        return told(client, TOKEN).get(f'{name}{{method="{method}",route="{route}",status="{status}"}}', 0)

    event = make_event()
    seen = [("GET", "/events/<uuid:event_id>", 200), ("GET", "none", 404), ("other", "none", 405)]
    before = [count(*what) for what in seen]
    client.get(f"/events/{event.id}")
    client.get("/nowhere/7")
    client.get("/nowhere/8")
    client.open("/healthz", method="BREW")
    assert [count(*what) - number for what, number in zip(seen[:2], before, strict=False)] == [1, 2]
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "BREW" not in text
    assert str(event.id) not in text


def test_what_waits_is_read_when_somebody_asks(app, client, open_to_monitors):
    event = make_event(capacity=10)
    before = told(client, TOKEN)
    assert (before["evently_bookings_processing"], before["evently_bookings_oldest_processing_seconds"]) == (0, 0)
    assert (before["evently_database_up"], before["evently_broker_up"]) == (1, 1)
    booking = make_booking(event=event, decided=False)
    make_booking(event=event, decided=False)
    with transaction() as session:
        booking.booking_date = utc_now() - dt.timedelta(seconds=90)
        session.add(booking)
    tasks = told(client, TOKEN)['evently_queue_tasks{queue="bookings"}']
    publish(app.extensions["celery"].tasks["bookings.sweep"])
    waiting = told(client, TOKEN)
    assert waiting["evently_bookings_processing"] == 2
    assert 90 <= waiting["evently_bookings_oldest_processing_seconds"] < 120
    assert waiting['evently_queue_tasks{queue="bookings"}'] == tasks + 1
    assert waiting['evently_queue_workers{queue="bookings"}'] == 0
    decide(event)
    after = told(client, TOKEN)
    assert after["evently_bookings_processing"] == 0
    assert after['evently_mails{state="queued"}'] == 2
    confirmed = 'evently_bookings_decided_total{outcome="confirmed"}'
    assert after[confirmed] - before.get(confirmed, 0) == 2
    assert after["evently_allocator_batch_bookings_sum"] - before.get("evently_allocator_batch_bookings_sum", 0) == 2


def test_mails_that_were_sent_are_counted_and_not_looked_for(app, client, open_to_monitors):
    make_booking()
    sent = 'evently_mails_settled_total{outcome="sent"}'
    before = told(client, TOKEN).get(sent, 0)
    app.extensions["celery"].tasks["notifications.deliver"]()
    with transaction() as session:
        session.execute(sa.update(Mail).values(status="failed"))
    after = told(client, TOKEN)
    assert after[sent] == before + 1
    assert (after['evently_mails{state="queued"}'], after['evently_mails{state="failed"}']) == (0, 1)
    assert 'evently_mails{state="sent"}' not in after


@on_sqlite
def test_lookups(client, open_to_monitors):
    make_event()

    def lookups():
        told_now = told(client, TOKEN)
        return [sum(told_now[name] for name in told_now if "lookups_total" in name and result in name) for result in ("missed", "found")]

    steps = [lookups()]
    for _ in range(2):
        client.get("/api/user/events/")
        steps.append(lookups())
    before, first, second = steps
    assert first[0] > before[0]
    assert second == [first[0], first[1] + 1]


@on_sqlite
def test_connections_in_use_whatever_failed(app, monkeypatch):
    def used():
        [in_use] = [metric for metric in metrics.REGISTRY.collect() if metric.name == "evently_database_connections_in_use"]
        return in_use.samples[0].value

    with db.engine.connect(), db.engine.connect():
        assert used() == 2
    assert used() == 0
    with db.engine.connect() as connection:
        connection.invalidate()
        monkeypatch.setattr(db.engine.pool, "_creator", lambda *_: 1 / 0)
        monkeypatch.setattr(db.engine.pool, "_invoke_creator", lambda *_: 1 / 0)
        for _ in range(3):
            with contextlib.suppress(ZeroDivisionError):
                connection.execute(sa.text("SELECT 1"))
    monkeypatch.undo()
    with db.engine.connect():
        assert used() == 1
    assert used() == 0


@on_sqlite
def test_a_database_or_a_broker_that_is_away_is_told(app, client, open_to_monitors, monkeypatch):
    monkeypatch.setattr(app.extensions["celery"].conf, "broker_url", "redis://127.0.0.1:9/0")
    with transaction() as session:
        session.execute(sa.text("ALTER TABLE mails RENAME TO mails_away"))
    try:
        away = told(client, TOKEN)
    finally:
        with transaction() as session:
            session.execute(sa.text("ALTER TABLE mails_away RENAME TO mails"))
    assert (away["evently_database_up"], away["evently_broker_up"]) == (0, 0)
    assert "evently_bookings_processing" not in away


@on_sqlite
def test_a_monitor_may_ask_as_often_as_it_likes(app, client, open_to_monitors, monkeypatch):
    monkeypatch.setitem(app.config, "RATELIMIT_DEFAULT", "1 per hour")
    assert {client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code for path in 3 * ["/metrics"]} == {200}


def test_a_token_of_a_person_opens_nothing(client, open_to_monitors):
    assert client.get("/metrics", headers=auth(make_user())).status_code == 401
