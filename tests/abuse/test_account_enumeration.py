"""Pages do not tell who has an account; the owner of the address is told by mail."""

import re
from typing import Any

import pytest
from flask import Flask

from evently.accounts import password_reset
from evently.database import utc_now
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import PASSWORD, auth, log_in, make_user
from tests.harness.site import fresh
from tests.harness.visitor import Visitor

pytestmark = pytest.mark.usefixtures("no_limits")

TAKEN, FREE = "ada@example.org", "eve@example.org"
VARIABLE = re.compile(r'value="[^"]*"|nonce="[^"]*"|"X-CSRFToken": "[^"]*"|<time.*?</time>|\d{4}-\d\d-\d\dT[\d:.]+Z|"device": "[^"]*"')


@pytest.fixture(autouse=True)
def _owner(app: Flask) -> None:
    make_user(email=TAKEN, email_confirmed_at=utc_now())


def as_seen(answer: Any, *names: str) -> tuple[Any, ...]:
    """An answer without what differs from request to request, nor the names that were typed."""
    text = VARIABLE.sub("", answer.text)
    for name in names:
        text = text.replace(name, "…")
    return answer.status_code, answer.location, text


def test_registering_a_taken_address_looks_like_any_other(app: Flask):
    seen = []
    for email, username in ((TAKEN, "mallory1"), (FREE, "mallory2")):
        visitor = Visitor(app.test_client())
        answer = visitor.submit("/register", {"username": username, "email": email, "password": "correct horse"})
        pages = [visitor.get(path) for path in ("/", "/account", "/account/address", "/account/data", "/account/data.json")]
        again = visitor.submit("/account", action="/account/confirmation", follow=True)
        seen.append([as_seen(page, email, username) for page in (answer, *pages, again, visitor.get("/account/data.json"))])
    assert seen[0] == seen[1]


def test_the_owner_is_told_of_a_registration(visitor: Visitor):
    visitor.submit("/register", {"username": "mallory", "email": TAKEN, "password": "correct horse"})
    fresh()
    [mail] = db.session.query(Mail)
    rendered = render_mail(mail)
    assert (mail.to_address, rendered.subject) == (TAKEN, "You already have an Evently account")
    # It confirms nothing, and says nothing that the stranger typed.
    assert not re.search(r"mallory|/account/confirmation/", rendered.text + rendered.html)


def test_signing_in_to_a_registration_with_a_taken_address_looks_like_any_other(app: Flask):
    seen = []
    for email, username in ((TAKEN, "mallory1"), (FREE, "mallory2")):
        Visitor(app.test_client()).submit("/register", {"username": username, "email": email, "password": "correct horse"})
        answer = Visitor(app.test_client()).submit("/login", {"username": email, "password": "correct horse"})
        body = {"username": email, "password": "correct horse"}
        seen.append((answer.status_code, answer.location, app.test_client().post("/api/user/auth/login/", json=body).status_code))
    assert seen == [(303, "/", 200)] * 2


def test_the_owner_signs_in_by_their_address_beside_such_registrations(app: Flask):
    for number in range(3):
        fields = {"username": f"mallory{number}", "email": TAKEN, "password": "correct horse"}
        Visitor(app.test_client()).submit("/register", fields)
    assert Visitor(app.test_client()).submit("/login", {"username": TAKEN, "password": PASSWORD}).status_code == 303


def test_a_reset_link_for_a_taken_address_does_not_show_in_the_export(app: Flask):
    seen = []
    for email, username in ((TAKEN, "mallory1"), (FREE, "mallory2")):
        visitor = Visitor(app.test_client())
        visitor.submit("/register", {"username": username, "email": email, "password": "correct horse"})
        password_reset.send_reset_email(email)
        seen.append(as_seen(visitor.get("/account/data.json"), email, username))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("changes", [False, True], ids=["registering", "changing"])
def test_the_owner_is_told_of_a_registration_that_the_api_refused(app: Flask, changes: bool):
    client = app.test_client()
    if changes:
        headers, change = auth(make_user()), {"email": TAKEN, "current_password": PASSWORD}
        answer = client.patch("/api/user/auth/me/", json=change, headers=headers)
    else:
        answer = client.post("/api/user/auth/register/", json={"username": "mallory", "email": TAKEN, "password": "correct horse"})
    assert (answer.status_code, list(answer.json["details"]["fields"])) == (422, ["email"])
    fresh()
    assert [(mail.kind, mail.to_address) for mail in db.session.query(Mail)] == [("account_exists", TAKEN)]


def test_changing_to_a_taken_address_looks_like_any_other(app: Flask):
    seen = []
    for email, username in ((TAKEN, "mallory1"), (FREE, "mallory2")):
        user = make_user(username=username, email=f"{username}@example.org", email_confirmed_at=utc_now())
        visitor = Visitor(log_in(app.test_client(), user))
        answer = visitor.submit("/account/address", {"email": email, "password": PASSWORD})
        pages = [visitor.get(path) for path in ("/account/address", "/account/data.json")]
        seen.append([as_seen(page, email, username) for page in (answer, *pages)])
    assert seen[0] == seen[1]


def test_a_reset_by_mail_looks_the_same_for_everyone(app: Flask):
    seen = {as_seen(Visitor(app.test_client()).submit("/password-reset", {"username": email}, follow=True)) for email in (TAKEN, FREE)}
    assert len(seen) == 1
