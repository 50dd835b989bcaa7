"""Looks into other people's mail: no secret is shown but to a developer on the same machine, and every look is audited."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts import password_reset
from evently.accounts.models import User
from evently.accounts.signed_links import RESET_PASSWORD
from evently.audit.models import AuditEntry
from evently.database import transaction, utc_now
from evently.errors import NotFound
from evently.extensions import db
from evently.notifications.models import FROM_ORGANIZERS, KINDS, Mail
from evently.notifications.rendering import render_mail
from tests.factories import log_in, make_booking, make_staff, make_superuser, make_user
from tests.notifications.outbox_helpers import mails, only_mail

# The user, when it was written, and an HMAC-SHA256 in base64.
SIGNED = re.compile(r"[\w.-]+\.[\w-]{43}")


@pytest.fixture
def in_production(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "EMBEDDED", False)


@pytest.fixture
def embedded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "EMBEDDED", True)


@pytest.fixture
def reset_mail(app: Flask) -> Mail:
    user = make_user(email_confirmed_at=utc_now())
    password_reset.send_reset_email(user.username)
    return only_mail()


def looks() -> list[tuple[str, int | None, str]]:
    entries = db.session.scalars(sa.select(AuditEntry).filter_by(subject="mail").order_by(AuditEntry.id)).all()
    return [(entry.action, entry.actor_id, entry.subject_id) for entry in entries]


def pages_of(mail: Mail) -> list[str]:
    return [f"/dev/mailbox/{mail.id}", f"/dev/mailbox/{mail.id}/body"]


@pytest.mark.usefixtures("in_production")
def test_not_even_a_superuser_reads_anothers_reset_link(client: FlaskClient, reset_mail: Mail):
    log_in(client, make_superuser())
    secret = SIGNED.search(render_mail(reset_mail).text)
    assert secret
    assert RESET_PASSWORD.open(secret[0]).id == reset_mail.user_id
    for page in [*pages_of(reset_mail), "/dev/mailbox"]:
        answer = client.get(page)
        assert answer.status_code == 200
        assert secret[0] not in answer.text
        assert not [found for found in SIGNED.findall(answer.text) if _opens(found)]
    assert "/password-reset/redacted" in client.get(pages_of(reset_mail)[0]).text
    assert client.get("/password-reset/redacted").status_code == 404


def _opens(token: str) -> bool:
    try:
        RESET_PASSWORD.open(token)
    except NotFound:
        return False
    return True


@pytest.mark.usefixtures("in_production")
def test_every_look_is_written_to_the_audit_log(app: Flask, reset_mail: Mail):
    admin, staff = make_superuser(), make_staff()
    browser = log_in(app.test_client(), admin)
    for page in [*pages_of(reset_mail), *pages_of(reset_mail)]:
        browser.get(page)
    # A page and its frame are one look.
    assert looks() == [("mail.viewed", admin.id, str(reset_mail.id))]
    browser.get("/dev/mailbox")
    booked = make_booking()
    mail = mails()[-1]
    # Without the page around it.
    log_in(app.test_client(), staff).get(pages_of(mail)[1])
    assert looks()[1:] == [("mail.listed", admin.id, ""), ("mail.viewed", staff.id, str(mail.id))]
    with transaction() as session:
        session.execute(sa.update(AuditEntry).values(created_at=booked.booking_date.replace(year=2020)))
    browser.get(pages_of(reset_mail)[0])
    assert looks()[3:] == [("mail.viewed", admin.id, str(reset_mail.id))]
    assert "Looked at an e-mail of another person" in browser.get("/dashboard/admin/audit").text


@pytest.mark.usefixtures("in_production")
def test_ones_own_mail_is_nobody_elses(app: Flask):
    admin = make_superuser()
    make_booking(user=admin)
    assert log_in(app.test_client(), admin).get(pages_of(only_mail())[0]).status_code == 200
    assert looks() == []


@pytest.mark.usefixtures("in_production")
def test_who_may_not_look_leaves_no_entry(app: Flask, reset_mail: Mail):
    for user, status in ((make_user(), 403), (make_user(is_organizer=True), 403), (make_staff(), 403)):
        assert log_in(app.test_client(), user).get(pages_of(reset_mail)[0]).status_code == status
    assert looks() == []


@pytest.mark.usefixtures("embedded")
def test_a_developer_follows_the_link(client: FlaskClient, reset_mail: Mail):
    link = re.search(r'href="http://127\.0\.0\.1:8000(/password-reset/[^"]+)"', client.get(pages_of(reset_mail)[1]).text)
    assert link
    assert "redacted" not in link[1]
    assert client.get(link[1]).status_code == 200
    assert looks() == []


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize(
    ("request_of", "settings"),
    [
        ({"headers": {"X-Forwarded-For": "203.0.113.7"}}, {}),
        ({"environ_base": {"REMOTE_ADDR": "203.0.113.7"}}, {}),
        ({"base_url": "http://rebound.example"}, {"ALLOWED_HOSTS": ("*",)}),
        ({}, {"SITE_URL": "https://tickets.example.org"}),
        ({}, {"HOST": "0.0.0.0"}),
    ],
    ids=["by a proxy", "from the network", "by another name", "at a public address", "on all interfaces"],
)
def test_an_embedded_site_that_others_reach_shows_them_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, reset_mail: Mail, request_of: dict[str, Any], settings: dict[str, Any]
):
    for name, value in settings.items():
        monkeypatch.setitem(client.application.config, name, value)
    for page in [*pages_of(reset_mail), "/dev/mailbox"]:
        assert client.get(page, **request_of).status_code == 404
    assert "Caught mail" not in client.get("/", **request_of).text


@pytest.fixture
def mail_of(app: Flask) -> Callable[[str], Mail]:
    def make(kind: str) -> Mail:
        user: User = make_user()
        booking = make_booking(user=user)
        about = {"booking_id": booking.id, "event_id": booking.event_id} if kind in FROM_ORGANIZERS else {}
        values = {"kind": kind, "to_address": user.email, "user_id": user.id, "delivery_key": kind, "context": {"change_id": 1}}
        with transaction() as session:
            session.execute(sa.delete(Mail))
            session.execute(sa.insert(Mail), [values | about])
        return only_mail()

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_no_mail_of_any_kind_shows_a_signed_link(mail_of: Callable[[str], Mail], kind: str):
    mail = mail_of(kind)
    shown, redacted = render_mail(mail), render_mail(mail, shows_secrets=False)
    secrets = SIGNED.findall(f"{shown.text} {shown.html}")
    assert not SIGNED.findall(f"{redacted.subject} {redacted.text} {redacted.html}")
    # Nothing else is missing.
    for secret in secrets:
        shown = type(shown)(shown.subject, shown.text.replace(secret, "redacted"), shown.html.replace(secret, "redacted"))
    assert shown == redacted


def test_the_kinds_that_hold_secrets_are_tried_above(mail_of: Callable[[str], Mail]):
    kinds = {kind for kind in KINDS if SIGNED.search(render_mail(mail_of(kind)).text)}
    assert kinds >= {"reset_password", "confirm_address", "booking_confirmed", "event_reminder", "event_message", "staff_account"}
