"""The pages of an account that say who gets in: browsers and tokens."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.models import ApiToken, BrowserSession, User
from evently.database import transaction
from evently.extensions import db
from tests.factories import api_token, log_in, make_user
from tests.harness.visitor import Visitor, is_signed_in

pytestmark = pytest.mark.usefixtures("no_limits")


def test_browsers_are_listed_and_signed_out_one_by_one(visitor: Visitor, other: Visitor, user: User):
    with transaction():
        for row in db.session.scalars(sa.select(BrowserSession)):
            row.device = "Firefox on <Windows>"
    page = visitor.get("/account/sessions").text
    assert "Firefox on &lt;Windows&gt;" in page
    assert page.count("This one") == 1
    [_, theirs] = sorted(db.session.scalars(sa.select(BrowserSession.id)))
    answer = visitor.submit("/account/sessions", action=f"/account/sessions/{theirs}/end", follow=True)
    assert "That browser is signed out." in answer.text
    assert "You are signed in nowhere else." in answer.text
    assert (is_signed_in(visitor), is_signed_in(other)) == (True, False)


def test_one_can_sign_out_the_browser_at_hand_here_too(visitor: Visitor, user: User):
    [own] = db.session.scalars(sa.select(BrowserSession.id))
    answer = visitor.submit("/account/sessions", action=f"/account/sessions/{own}/end", follow=True)
    assert "You are signed out." in answer.text
    assert not is_signed_in(visitor)


def test_all_other_browsers_are_signed_out_at_once(visitor: Visitor, other: Visitor):
    fragment = visitor.submit("/account/sessions", action="/account/sessions/end", htmx=True)
    assert (fragment.status_code, "<html" in fragment.text, 'id="session-list"' in fragment.text) == (200, False, True)
    assert (is_signed_in(visitor), is_signed_in(other)) == (True, False)


def test_nobody_signs_out_somebody_else(visitor: Visitor, user: User, app: Flask):
    somebody = Visitor(app.test_client())
    log_in(somebody.client, stranger := make_user())
    theirs = db.session.scalar(sa.select(BrowserSession.id).where(BrowserSession.user_id == stranger.id))
    token = visitor.token("/account/sessions")
    assert visitor.client.post(f"/account/sessions/{theirs}/end", data={"csrf_token": token}).status_code == 404
    assert is_signed_in(somebody)


def test_a_token_is_shown_once_and_opens_the_api(visitor: Visitor, user: User, client):
    assert "No tokens" in visitor.get("/account/tokens").text
    answer = visitor.submit("/account/tokens", {"name": "Box office <display>"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    token = re.search(r'id="token">([0-9a-f]{40})<', answer.text)[1]
    assert client.get("/api/user/auth/me/", headers={"Authorization": f"Token {token}"}).json["username"] == "mira"
    page = visitor.get("/account/tokens").text
    assert token not in page
    assert "Box office &lt;display&gt;" in page
    [key] = db.session.scalars(sa.select(ApiToken))
    answer = visitor.submit("/account/tokens", action=f"/account/tokens/{key.id}/revoke", follow=True)
    assert "The token is revoked." in answer.text
    assert client.get("/api/user/auth/me/", headers={"Authorization": f"Token {token}"}).status_code == 401


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Give it a name"),
        ("x" * 101, "1 to 100 characters"),
        ("taken", "already have a token with this name"),
        ("Login", "Choose a different one"),
        ("a\x07", "1 to 100"),
    ],
)
def test_a_token_needs_a_name_of_its_own(visitor: Visitor, user: User, name: str, words: str):
    visitor.submit("/account/tokens", {"name": "taken"})
    answer = visitor.submit("/account/tokens", {"name": name})
    assert (answer.status_code, words in answer.text) == (422, True)
    assert db.session.query(ApiToken).count() == 1


def test_many_tokens_are_paged_and_nobody_elses_can_be_revoked(visitor: Visitor, user: User):
    for _ in range(21):
        api_token(user)
    assert visitor.get("/account/tokens").text.count("/revoke") == 2 * 20
    assert visitor.get("/account/tokens?page=2").text.count("/revoke") == 2
    api_token(make_user())
    theirs = db.session.scalar(sa.select(sa.func.max(ApiToken.id)))
    token = visitor.token("/account/tokens")
    assert visitor.client.post(f"/account/tokens/{theirs}/revoke", data={"csrf_token": token}).status_code == 404
    assert db.session.query(ApiToken).count() == 22
