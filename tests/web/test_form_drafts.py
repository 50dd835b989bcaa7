"""What was typed when a session ended is still there after signing in again."""

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts import sessions
from evently.accounts.models import BrowserSession, User
from evently.extensions import db
from tests.factories import PASSWORD, log_in, make_event, make_organizer, make_user
from tests.harness.site import fresh
from tests.harness.visitor import Visitor

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def user(visitor: Visitor) -> User:
    user = make_user(username="mira", first_name="Mira")
    log_in(visitor.client, user)
    return user


def fill_in(visitor: Visitor, page: str, /, **fields: str) -> tuple[str, dict[str, str]]:
    """Where a form goes and what would be sent."""
    form = visitor._choose(page, visitor.forms(page), None)
    return form.action, dict(form.fields) | fields


def sign_in(visitor: Visitor, location: str, username: str = "mira"):
    assert "what you typed is still there" in visitor.get(location).text
    return visitor.submit(location, {"username": username, "password": PASSWORD})


def test_after_signing_in_one_is_back_on_the_page_with_what_one_typed(visitor: Visitor, user: User):
    action, fields = fill_in(visitor, "/account", first_name="Myra", address="Am Kanal 1\nLeipzig")
    sessions.revoke_all([user])
    answer = visitor.client.post(action, data=fields)
    assert (answer.status_code, answer.location) == (303, "/login?next=%2Faccount")
    answer = sign_in(visitor, answer.location)
    assert answer.location == "/account"
    page = visitor.get("/account").text
    assert 'value="Myra"' in page
    assert "Am Kanal 1\nLeipzig</textarea>" in page
    # Once.
    assert 'value="Mira"' in visitor.get("/account").text
    fresh()
    assert user.first_name == "Mira"


def test_for_htmx_it_is_the_page_that_the_form_was_on(visitor: Visitor, user: User):
    action, fields = fill_in(visitor, "/account/tokens", name="Box office")
    sessions.revoke_all([user])
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/account/tokens?page=1"}
    answer = visitor.client.post(action, data=fields, headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login?next=%2Faccount%2Ftokens%3Fpage%3D1")
    answer = sign_in(visitor, answer.headers["HX-Redirect"])
    assert answer.location == "/account/tokens?page=1"
    assert 'value="Box office"' in visitor.get(answer.location).text


def test_a_button_leads_back_to_the_page_it_was_on(visitor: Visitor, user: User):
    token = visitor.token("/account/sessions")
    sessions.revoke_all([user])
    for page, back in (("http://localhost/account/sessions", "/account/sessions"), ("https://evil.example/account", "/"), ("", "/")):
        answer = visitor.client.post("/account/sessions/end", data={"csrf_token": token}, headers={"Referer": page})
        assert answer.location == f"/login?next={back.replace('/', '%2F')}"


def test_passwords_do_not_wait(visitor: Visitor, user: User):
    action, fields = fill_in(visitor, "/account/address", email="new@talberg.example", password="my secret")
    sessions.revoke_all([user])
    location = visitor.client.post(action, data=fields).location
    fresh()
    [row] = db.session.scalars(sa.select(BrowserSession))
    assert "my secret" not in str(row.data)
    sign_in(visitor, location)
    assert 'value="new@talberg.example"' in visitor.get("/account/address").text


def test_what_is_far_too_long_does_not_wait(visitor: Visitor, user: User):
    action, fields = fill_in(visitor, "/account", address="x" * 60_001)
    sessions.revoke_all([user])
    location = visitor.client.post(action, data=fields).location
    assert "what you typed" not in visitor.get(location).text


def test_nobody_fills_our_memory_with_it(app: Flask, visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1 per minute")
    action, fields = fill_in(visitor, "/account", first_name="Myra")
    sessions.revoke_all([user])
    kept = []
    for _ in range(2):
        another = Visitor(app.test_client())
        answer = another.client.post(action, data=fields | {"csrf_token": another.token("/login")})
        kept.append("what you typed" in another.get(answer.location).text)
    assert kept == [True, False]


def test_an_event_half_written_is_not_lost(visitor: Visitor):
    organizer = make_organizer(username="olga")
    log_in(visitor.client, organizer)
    event = make_event(by=organizer)
    for address in ("/dashboard/events/new", f"/dashboard/events/{event.id}/edit"):
        action, fields = fill_in(visitor, address, name="Salon der Stimmen", description="Long, and *dear* to me")
        sessions.revoke_all([organizer])
        location = visitor.client.post(action, data=fields).location
        answer = sign_in(visitor, location, "olga")
        assert answer.location == address
        page = visitor.get(address).text
        assert 'value="Salon der Stimmen"' in page
        assert "Long, and *dear* to me" in page


def test_an_old_page_of_ours_comes_back_filled_in(visitor: Visitor, user: User, app: Flask):
    """The cookie is gone, or belongs to another session by now; both make the token of the form worthless."""
    action, fields = fill_in(visitor, "/account", first_name="Myra")
    visitor.client.delete_cookie("session")
    answer = visitor.client.post(action, data=fields, headers=SAME)
    assert answer.location == "/login?next=%2Faccount"
    sign_in(visitor, answer.location)
    assert 'value="Myra"' in visitor.get("/account").text
    # Signed in again in another tab.
    answer = visitor.client.post(action, data=fields, headers=SAME)
    assert answer.location == "/account"
    page = visitor.get("/account").text
    assert "open for too long" in page
    assert 'value="Myra"' in page
    assert (
        "Your changes are saved."
        in visitor.client.post(action, data=fields | {"csrf_token": visitor.token("/account")}, follow_redirects=True).text
    )


def test_the_door_itself_comes_back_filled_in(visitor: Visitor, app: Flask):
    action, fields = fill_in(visitor, "/register?next=/bookings", username="mira", email="mira@talberg.example", password=PASSWORD)
    visitor.client.delete_cookie("session")
    answer = visitor.client.post(action, data=fields, headers=SAME)
    assert answer.location == "/register?next=/bookings"
    page = visitor.get(answer.location).text
    assert 'value="mira@talberg.example"' in page
    assert PASSWORD not in page


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}])
def test_nothing_from_elsewhere_waits(visitor: Visitor, user: User, headers: dict[str, str]):
    _, fields = fill_in(visitor, "/account", first_name="Myra", csrf_token="forged")
    answer = visitor.client.post("/account", data=fields, headers=headers)
    assert (answer.status_code, "This form is too old" in answer.text) == (400, True)
    assert "Set-Cookie" not in answer.headers
    assert 'value="Mira"' in visitor.get("/account").text
