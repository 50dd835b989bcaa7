"""A stolen token, a stolen session or a registered address of another person does not become their account."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts import password_reset
from evently.accounts.models import ApiToken, BrowserSession, User
from evently.database import utc_now
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import PASSWORD, api_token, log_in, make_user
from tests.harness.site import fresh
from tests.harness.visitor import Visitor, is_signed_in

pytestmark = pytest.mark.usefixtures("no_limits")

ME = "/api/user/auth/me/"
NEW_PASSWORD = "difference engine"


@pytest.fixture
def victim(app: Flask) -> User:
    return make_user(username="ada", email="ada@example.org", email_confirmed_at=utc_now())


def call(client: FlaskClient, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
    headers = {"Authorization": f"Token {token}"} if token else {}
    return client.open(path, method=method, json=body, headers=headers)


def reset_by_mail(login: str, visitor: Visitor) -> Mail:
    """The owner of the mailbox asks for a link and sets a new password with it; the mail."""
    password_reset.send_reset_email(login)
    fresh()
    mail = db.session.scalars(sa.select(Mail).where(Mail.kind == "reset_password").order_by(Mail.id.desc())).first()
    [token] = re.findall(r"/password-reset/(\S+)", render_mail(mail).text)
    assert visitor.submit(f"/password-reset/{token}", {"new_password": NEW_PASSWORD}).status_code == 303
    return mail


def sign_in_over_api(client: FlaskClient, username: str, password: str = PASSWORD) -> Any:
    return call(client, "POST", "/api/user/auth/login/", {"username": username, "password": password})


def test_a_stolen_token_does_not_move_the_account_to_another_address(victim: User, client: FlaskClient):
    token = api_token(victim)
    answer = call(client, "PATCH", ME, {"email": "thief@evil.example"}, token=token)
    assert (answer.status_code, answer.json["details"]["code"]) == (422, "password_required")
    password_reset.send_reset_email("ada")
    fresh()
    assert {mail.to_address for mail in db.session.scalars(sa.select(Mail))} == {"ada@example.org"}


def test_a_thief_who_knows_the_password_gets_no_reset_link_and_is_undone(victim: User, client: FlaskClient, visitor: Visitor):
    token = api_token(victim)
    change = {"email": "thief@evil.example", "current_password": PASSWORD}
    answer = call(client, "PATCH", ME, change, token=token)
    assert (answer.status_code, answer.json["email"]) == (200, "ada@example.org")
    password_reset.send_reset_email("thief@evil.example")
    fresh()
    assert db.session.query(Mail).filter_by(kind="reset_password").count() == 0
    [told] = db.session.query(Mail).filter_by(to_address="ada@example.org")
    [undo] = set(re.findall(r"/account/address/undo/\S+(?=\n)", render_mail(told).text))
    assert visitor.submit(undo, {"new_password": NEW_PASSWORD}).status_code == 303
    assert call(client, "GET", ME, token=token).status_code == 401
    assert sign_in_over_api(client, "ada").status_code == 401
    assert sign_in_over_api(client, "ada", NEW_PASSWORD).status_code == 200


def test_a_reset_ends_every_token_and_session(victim: User, client: FlaskClient, visitor: Visitor, app: Flask):
    token, thief = api_token(victim), Visitor(log_in(app.test_client(), victim))
    reset_by_mail("ada", visitor)
    assert call(client, "GET", ME, token=token).status_code == 401
    assert not is_signed_in(thief)
    assert (db.session.query(ApiToken).count(), db.session.query(BrowserSession).filter_by(user_id=victim.id).count()) == (0, 0)


def test_a_changed_password_ends_every_other_token_and_session_and_says_so(victim: User, client: FlaskClient, visitor: Visitor, app: Flask):
    token, thief = api_token(victim), Visitor(log_in(app.test_client(), victim))
    log_in(visitor.client, victim)
    answer = visitor.submit("/account/password", {"password": PASSWORD, "new_password": NEW_PASSWORD}, follow=True)
    assert "All other browsers are signed out, and your API tokens no longer work." in answer.text
    assert (is_signed_in(visitor), is_signed_in(thief)) == (True, False)
    assert call(client, "GET", ME, token=token).status_code == 401


def test_signing_in_41_times_leaves_20_tokens(victim: User, client: FlaskClient):
    tokens = [sign_in_over_api(client, "ada").json["token"] for _ in range(41)]
    assert db.session.query(ApiToken).count() == 20
    assert call(client, "GET", ME, token=tokens[0]).status_code == 401
    assert call(client, "GET", ME, token=tokens[-1]).status_code == 200


def register(client: FlaskClient, email: str) -> str:
    body = {"username": "stranger", "email": email, "password": "a stranger's"}
    return call(client, "POST", "/api/user/auth/register/", body).json["token"]


def test_a_stranger_who_registered_the_address_first_keeps_nothing_of_it(app: Flask, client: FlaskClient, visitor: Visitor):
    token = register(client, "ada@example.org")
    change = {"email": "thief@evil.example", "current_password": "a stranger's"}
    assert call(client, "PATCH", ME, change, token=token).status_code == 200
    fresh()
    pending = db.session.query(Mail).filter_by(kind="confirm_email_change").one()
    [confirmation] = set(re.findall(r"/account/address/confirmation/\S+(?=\n)", render_mail(pending).text))
    reset_by_mail("ada@example.org", visitor)
    fresh()
    owned = db.session.query(User).one()
    assert (owned.email, owned.email_confirmed_at is not None) == ("ada@example.org", True)
    assert call(client, "PATCH", ME, change, token=token).status_code == 401
    assert visitor.get(confirmation).status_code == 404
    assert sign_in_over_api(client, "stranger", "a stranger's").status_code == 401


def test_opening_the_mail_of_a_stranger_s_registration_gives_them_nothing(app: Flask, client: FlaskClient, visitor: Visitor):
    """A curious owner opens the link: they are not signed in to the stranger's account, so nothing is confirmed."""
    register(client, "ada@example.org")
    fresh()
    mail = db.session.query(Mail).filter_by(kind="confirm_address").one()
    [path] = set(re.findall(r"/account/confirmation/\S+(?=\n)", render_mail(mail).text))
    page = visitor.get(path)
    assert (page.status_code, f'action="{path}"' in page.text) == (200, False)
    log_in(visitor.client, make_user(email="ada@example.org"))
    visitor.client.post(path, data={"csrf_token": visitor.token("/account")})
    fresh()
    assert db.session.query(User).filter_by(username="stranger").one().email_confirmed_at is None


def test_the_owner_registers_although_a_stranger_did_before(app: Flask, client: FlaskClient, visitor: Visitor):
    register(client, "ada@example.org")
    visitor.submit("/register", {"username": "ada", "email": "ada@example.org", "password": "correct horse"})
    fresh()
    mail = db.session.query(Mail).filter(Mail.user.has(username="ada")).one()
    [path] = set(re.findall(r"/account/confirmation/\S+(?=\n)", render_mail(mail).text))
    assert "ada@example.org is confirmed." in visitor.submit(path, follow=True).text
    password_reset.send_reset_email("ada@example.org")
    fresh()
    assert db.session.query(Mail).filter_by(kind="reset_password").one().user.username == "ada"
