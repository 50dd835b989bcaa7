"""`/healthz` and `/readyz`."""

import contextlib

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from evently.database import transaction
from evently.http import schema_version
from tests.factories import log_in, make_user
from tests.harness.parts import ROOT


@contextlib.contextmanager
def version(number):
    with transaction() as session:
        before = session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        session.execute(sa.text("UPDATE alembic_version SET version_num = :number"), {"number": number})
    yield
    with transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :number"), {"number": before})


@pytest.fixture
def client(client, app, monkeypatch):
    """A monitor that may know what is wrong."""
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "of a monitor 0123456789")
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer of a monitor 0123456789"
    return client


def test_ready(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "complaints": []})


def test_alive_whatever_is_gone(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "CELERY_BROKER_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setattr("sqlalchemy.engine.Engine.connect", None)
    assert client.get("/healthz").json == {"status": "ok"}


def test_no_broker(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "CELERY_BROKER_URL", "redis://:secret@127.0.0.1:9/0")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["complaints"]) == (503, ["The broker does not answer."])
    assert "secret" not in answer.text


def test_no_database(client, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("the server at 10.0.0.5 is gone"))

    monkeypatch.setattr("sqlalchemy.engine.Connection.execute", refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["complaints"]) == (503, ["The database does not answer."])


def test_a_database_that_is_behind_is_not_ready_and_one_that_is_ahead_is(app, client):
    with version("0001"):
        answer = client.get("/readyz")
    missing = len(schema_version._newest_first()) - 1
    said = f"The database lacks {missing} of {missing + 1} migrations: run `flask --app wsgi db upgrade`."
    assert (answer.status_code, answer.json["complaints"]) == (503, [said])
    app.extensions["readiness"].forget()
    with version("of a later release"):
        assert client.get("/readyz").status_code == 200


def test_the_order_of_migrations_is_alembics():
    theirs = [script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()]
    assert schema_version._newest_first() == theirs


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_no_session_is_looked_up_and_visitors_use_up_no_probe(app, client, monkeypatch, path):
    log_in(client, make_user())
    for setting in ("RATELIMIT_DEFAULT", "NETWORK_RATE_LIMIT", "ANONYMOUS_RATE_LIMIT"):
        monkeypatch.setitem(app.config, setting, "1 per hour")
    monkeypatch.setattr("evently.accounts.sessions.find", None)
    answers = [client.get(path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == 3 * [200]
    assert not any("Set-Cookie" in answer.headers for answer in answers)
