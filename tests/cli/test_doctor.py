"""`flask doctor` where parts are missing or wrong; where the site is whole, tests/deploy/test_compose.py asks it."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.celery_app import QUEUES
from evently.extensions import db
from evently.launch.ports import free_port
from tests.factories import make_booking, make_event, make_user
from tests.harness.parts import ROOT
from tests.harness.site import Site
from tests.notifications.outbox_helpers import deliver

in_production = pytest.mark.parametrize("site", ["postgresql"], indirect=True)
embedded = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _nobody_answers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address of the site, unless a test starts somebody."""
    monkeypatch.setitem(app.config, "SITE_URL", f"http://127.0.0.1:{free_port()}")


@pytest.fixture
def doctor(app: Flask):
    """What it says by part (`word, rest of the line, advice`), and its exit code as `doctor.exit_code`."""

    def look() -> dict[str, tuple[str, str, str]]:
        result = app.test_cli_runner().invoke(args=["doctor"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        look.exit_code, look.output = result.exit_code, result.output
        found = re.findall(r"^(\w+) +(\w+) +(.*)\n(?: {22}(.*)\n)?", result.output, re.MULTILINE)
        return {part: (word, says, advice) for word, part, says, advice in found}

    return look


@in_production
def test_parts_that_are_missing_are_named_with_what_to_do(app: Flask, doctor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setitem(app.config, "EMAIL_PORT", free_port())
    found = doctor()
    assert doctor.exit_code == 1
    assert doctor.output.endswith("Error: 4 parts are not well.\n")
    troubles = {part: (says, advice) for part, (word, says, advice) in found.items() if word == "TROUBLE"}
    assert troubles.keys() == {"workers", "beat", "mail", "proxies"}
    assert troubles["workers"][0] == f"no worker takes tasks from {' and '.join(sorted(QUEUES))}"
    assert f"celery -A wsgi worker -Q {','.join(sorted(QUEUES))}" in troubles["workers"][1]
    assert "celery -A wsgi beat" in troubles["beat"][1]
    assert "EMAIL_HOST" in troubles["mail"][1]
    assert "SITE_URL" in troubles["proxies"][1]


@in_production
def test_without_a_broker_all_else_is_looked_at(app: Flask, doctor, monkeypatch: pytest.MonkeyPatch):
    away = f"redis://:enigma@127.0.0.1:{free_port()}/0"
    for name in ("REDIS_URL", "CELERY_BROKER_URL"):
        monkeypatch.setitem(app.config, name, away)
    found = doctor()
    assert [found[part][0] for part in ("database", "broker", "workers", "beat", "disk")] == ["well", *["TROUBLE"] * 3, "well"]
    assert "enigma" not in doctor.output


@in_production
def test_a_database_that_is_behind(app: Flask, site: Site, doctor, monkeypatch: pytest.MonkeyPatch):
    with db.engine.begin() as connection:
        revision = connection.scalar(sa.text("UPDATE alembic_version SET version_num = '0001' RETURNING 'done'"))
    assert revision == "done"
    try:
        assert doctor()["migrations"][2] == "Run `flask --app wsgi db upgrade`."
    finally:
        newest = max((ROOT / "migrations" / "versions").glob("*.py")).name[:4]
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest})
    assert doctor()["migrations"][0] == "well"


@in_production
def test_what_works_and_should_not_stay_so_is_said(app: Flask, doctor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "ALLOWED_HOSTS", ("*",))
    found = doctor()
    assert (found["configuration"][0], found["mail"][0]) == ("notice", "notice")
    assert "EMAIL_HOST" in found["mail"][2]
    monkeypatch.setitem(app.config, "ALLOWED_HOSTS", ("localhost",))
    monkeypatch.setitem(app.config, "TICKET_SECRET", "short")
    assert doctor()["configuration"][1].startswith("TICKET_SECRET has 5 characters")


@embedded
def test_emails_that_were_held_back_are_counted(app: Flask, doctor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "EMAIL_LIMIT_UNCONFIRMED", "1 per hour")
    user, event = make_user(), make_event()
    for _ in range(3):
        make_booking(user=user, event=event)
    deliver()
    word, says, advice = doctor()["budgets"]
    assert (word, says) == ("notice", "2 e-mails were held back by a limit in the last 24 hours")
    assert "EMAIL_LIMIT_UNCONFIRMED" in advice


@embedded
def test_embedded_mode_needs_nothing_beside_itself(doctor):
    found = doctor()
    assert {part for part, (word, _, _) in found.items() if word != "well"} == {"proxies"}
    assert doctor.exit_code == 1
