"""Guessing passwords takes longer each time, and locks nobody out."""

import pytest
from flask import Flask

from evently.http import login_throttle
from tests.factories import PASSWORD, log_in, make_user
from tests.harness.visitor import Visitor


@pytest.fixture(autouse=True)
def many_requests(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1000 per minute")


def sign_in(visitor: Visitor, password: str = "wrong", login: str = "mira", **kwargs):
    fields = {"username": login, "password": password, "csrf_token": visitor.token("/login")}
    return visitor.client.post("/login", data=fields, **kwargs)


def guess_until_slowed(visitor: Visitor, login: str = "mira") -> None:
    for _ in range(login_throttle.FREE_IN_NETWORK + 1):
        assert sign_in(visitor, login=login).status_code == 422


def test_after_some_guesses_one_waits_and_is_told_how_long(visitor: Visitor):
    make_user(username="mira")
    guess_until_slowed(visitor)
    answer = sign_in(visitor, PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert "Too many wrong passwords. Wait 2 seconds" in answer.text
    assert 'value="mira"' in answer.text


@pytest.mark.parametrize("login", ["nobody", "NOBODY@example.org"])
def test_login_throttle_reveals_no_accounts(visitor: Visitor, login: str):
    guess_until_slowed(visitor, login)
    assert sign_in(visitor, login=login).status_code == 429
    assert sign_in(visitor, login=login.swapcase()).status_code == 429


def test_the_owner_elsewhere_does_not_wait(visitor: Visitor):
    make_user(username="mira")
    guess_until_slowed(visitor)
    assert sign_in(visitor, PASSWORD, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 303


def test_nor_does_another_account_here(visitor: Visitor):
    make_user(username="mira"), make_user(username="adam")
    guess_until_slowed(visitor)
    assert sign_in(visitor, PASSWORD, login="adam").status_code == 303


def test_the_wait_grows_and_ends(visitor: Visitor):
    assert [login_throttle.delay_after(wrong) for wrong in range(3, 9)] == [0, 0, 2, 4, 8, 16]
    assert {login_throttle.delay_after(wrong) for wrong in (14, 50, 10_000)} == {900}


def test_when_it_is_over_the_right_password_opens_and_all_is_forgotten(visitor: Visitor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(login_throttle, "FIRST_WAIT", 1)
    make_user(username="mira")
    guess_until_slowed(visitor)
    login_throttle.time.sleep(1.1)
    assert sign_in(visitor, PASSWORD).status_code == 303
    visitor.submit("/", action="/logout")
    guess_until_slowed(visitor)


def test_the_api_waits_too(visitor: Visitor, client):
    make_user(username="mira")
    guess_until_slowed(visitor)
    answer = client.post("/api/user/auth/login/", json={"username": "mira", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["details"]["code"]) == (429, "2", "too_many_requests")


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/account/password", {"password": "wrong", "new_password": "difference engine"}),
        ("/account/address", {"email": "new@example.org", "password": "wrong"}),
        ("/account/closing", {"password": "wrong"}),
    ],
)
def test_so_does_whoever_sits_down_at_somebody_elses_browser(visitor: Visitor, address: str, fields: dict[str, str]):
    log_in(visitor.client, make_user(username="mira"))
    answers = [visitor.submit(address, fields).status_code for _ in range(login_throttle.FREE_IN_NETWORK + 2)]
    assert answers == [422] * (login_throttle.FREE_IN_NETWORK + 1) + [429]
