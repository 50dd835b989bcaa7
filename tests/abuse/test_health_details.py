"""Hosts, names of workers and what exactly is wrong are shown to staff and to holders of METRICS_TOKEN only."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from evently import worker_heartbeats
from evently.extensions import db
from tests.factories import api_token, log_in, make_organizer, make_staff, make_superuser, make_user

TOKEN = "of a monitor 0123456789"
WELL, UNWELL = "Database, broker and workers are well.", "Something the site needs is not well."
AWAY = "redis://127.0.0.1:9/0"
ALL_QUEUES = "secret-worker@internal-host bookings,default,mail"


@pytest.fixture(autouse=True)
def _broker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(worker_heartbeats, "_local_workers", {})
    worker_heartbeats._send_heartbeat(app.config["CELERY_BROKER_URL"], ALL_QUEUES, 600)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_strangers_see_whether_the_site_is_well_and_no_more(app: Flask, client: FlaskClient):
    answer = client.get("/api/health/")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "healthy",
        "celery": "running",
        "workers": 1,
        "broker": "memory://" if app.config["EMBEDDED"] else "redis://***",
        "processes": ["worker-1"],
        "message": WELL,
    }


def test_nor_do_they_learn_what_is_wrong(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "CELERY_BROKER_URL", AWAY)
    answer, ready = client.get("/api/health/"), client.get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.json["message"]) == (503, "unhealthy", UNWELL)
    assert (ready.status_code, ready.json) == (503, {"status": "unready", "complaints": []})
    for response in (answer, ready):
        assert "127.0.0.1" not in response.text
        assert "broker does not answer" not in response.text


@pytest.mark.parametrize("make", [make_user, make_organizer])
def test_an_account_alone_shows_no_more(client: FlaskClient, make):
    user = make()
    log_in(client, user)
    for headers in (bearer(api_token(user)), bearer("wrong"), {}):
        assert client.get("/api/health/", headers=headers).json["processes"] == ["worker-1"]


@pytest.mark.parametrize("make", [make_staff, make_superuser])
def test_staff_see_the_details(app: Flask, client: FlaskClient, make):
    answer = client.get("/api/health/", headers=bearer(api_token(make())))
    assert answer.json["processes"] == ["secret-worker"]
    assert app.config["EMBEDDED"] or "127.0.0.1" in answer.json["broker"]


def test_so_do_monitors_with_the_token(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    assert client.get("/api/health/", headers=bearer(TOKEN)).json["processes"] == ["secret-worker"]
    monkeypatch.setitem(app.config, "CELERY_BROKER_URL", AWAY)
    assert client.get("/readyz", headers=bearer(TOKEN)).json["complaints"] == ["The broker does not answer."]
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "")
    app.extensions["readiness"].forget()
    assert client.get("/readyz", headers=bearer("")).json["complaints"] == []


def test_a_database_that_is_away_is_no_error_and_shows_nothing(client: FlaskClient):
    token = api_token(make_staff())

    def refuse(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the server at 10.0.0.5 is gone"))

    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", refuse)
    try:
        answer = client.get("/api/health/", headers=bearer(token))
    finally:
        sa.event.remove(engine, "before_cursor_execute", refuse)
    assert (answer.status_code, answer.json["processes"], answer.json["message"]) == (503, ["worker-1"], UNWELL)


def test_readiness_is_looked_up_once_in_a_second(app: Flask, client: FlaskClient):
    statements = []
    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note := lambda *args: statements.append(args[2]))
    try:
        answers = [client.get("/readyz") for _ in range(20)]
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert {answer.status_code for answer in answers} == {200}
    # Twenty requests take less than a second; a machine that is very slow may look twice.
    assert sum("alembic_version" in statement for statement in statements) <= 2
