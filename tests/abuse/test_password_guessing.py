"""Guessing passwords: by network and by account, slower each time and never locked out."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.signed_links import RESET_PASSWORD
from evently.database import utc_now
from evently.http import login_throttle
from tests.factories import PASSWORD, log_in, make_event, make_user
from tests.harness.visitor import Visitor

LOGIN, REGISTER, BOOKINGS = "/api/user/auth/login/", "/api/user/auth/register/", "/api/bookings/"
REFUSED = 300


def source(address: str) -> dict[str, dict[str, str]]:
    """Arguments of a test client's request that comes from this address."""
    return {"environ_base": {"REMOTE_ADDR": address}}


def registration(name: str, email: str = "") -> dict[str, str]:
    return {"username": name, "email": email or f"{name}@example.org", "password": PASSWORD}


def booking_body() -> dict[str, object]:
    return {"event_id": str(make_event(capacity=100).id), "number_of_tickets": 1}


class TestGuessing:
    """Guessing one account's password from many addresses."""

    @pytest.fixture(autouse=True)
    def _many_requests(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1000 per minute")
        # So that no wait ends during a test.
        monkeypatch.setattr(login_throttle, "FIRST_WAIT", 600)

    def guess(self, client: FlaskClient, address: str, *, login: str = "mira", password: str = "wrong"):
        return client.post(LOGIN, json={"username": login, "password": password}, **source(address))

    @pytest.mark.parametrize("login", ["mira", "nobody", "nobody@example.org"])
    def test_sixty_addresses_of_one_ipv6_network_are_one_guesser(self, client: FlaskClient, login: str):
        make_user(username="mira")
        statuses = [self.guess(client, f"2001:db8::{n:x}", login=login).status_code for n in range(1, 61)]
        assert statuses == [401] * 5 + [429] * 55

    @pytest.mark.parametrize("login", ["mira", "MIRA", "mira@example.org", "nobody", "nobody@example.org"])
    def test_sixty_networks_are_slowed_down_together(self, client: FlaskClient, login: str):
        make_user(username="mira", email="mira@example.org")
        answers = [self.guess(client, f"198.51.100.{n}", login=login) for n in range(1, 61)]
        assert [answer.status_code for answer in answers] == [401] * 21 + [429] * 39
        details = answers[-1].json["details"]
        assert details == {"code": "too_many_requests", "password_reset_url": "http://localhost/password-reset"}
        assert "reset your password by e-mail" in answers[-1].json["error"]
        assert 500 < int(answers[-1].headers["Retry-After"]) <= 600

    def attack(self, client: FlaskClient, login: str = "mira") -> None:
        while self.guess(client, f"198.51.{next(self.numbers)}.1", login=login).status_code != 429:
            pass

    numbers = iter(range(10_000))

    def test_the_owner_keeps_the_networks_they_sign_in_from(self, client: FlaskClient):
        make_user(username="mira", email="mira@example.org", email_confirmed_at=sa.func.now())
        assert self.guess(client, "192.0.2.7", password=PASSWORD).status_code == 200
        self.attack(client)
        self.attack(client, "mira@example.org")
        for login in ("mira", "mira@example.org"):
            assert self.guess(client, "192.0.2.7", login=login, password=PASSWORD).status_code == 200
        assert self.guess(client, "192.0.2.8", password=PASSWORD).status_code == 429

    def test_the_network_of_the_registration_is_one(self, client: FlaskClient):
        assert client.post(REGISTER, json=registration("mira"), **source("192.0.2.7")).status_code == 201
        self.attack(client)
        assert self.guess(client, "192.0.2.7", password=PASSWORD).status_code == 200

    def test_a_known_network_may_not_guess_for_ever(self, client: FlaskClient):
        make_user(username="mira")
        assert self.guess(client, "192.0.2.7", password=PASSWORD).status_code == 200
        statuses = [self.guess(client, "192.0.2.7").status_code for _ in range(10)]
        assert statuses == [401] * 5 + [429] * 5

    def test_an_address_that_is_not_confirmed_makes_no_network_known(self, client: FlaskClient):
        """A stranger registers the victim's address first, to be taken for the victim at home."""
        make_user(username="stranger", email="mira@example.org")
        assert self.guess(client, "203.0.113.66", login="stranger", password=PASSWORD).status_code == 200
        self.attack(client, "mira@example.org")
        assert self.guess(client, "203.0.113.66", login="mira@example.org").status_code == 429

    def test_right_passwords_from_many_networks_are_no_guesses(self, client: FlaskClient):
        make_user(username="mira")
        assert {self.guess(client, f"203.0.113.{n}", password=PASSWORD).status_code for n in range(40)} == {200}

    def test_a_reset_by_e_mail_lets_the_owner_in_from_where_they_are(self, app: Flask, client: FlaskClient):
        user = make_user(username="mira")
        self.attack(client)
        visitor = Visitor(app.test_client())
        refused = visitor.submit("/login", {"username": "mira", "password": PASSWORD})
        assert (refused.status_code, "reset your password by e-mail" in refused.text) == (429, True)
        token = RESET_PASSWORD.token(user_id=user.id, address=user.email, written_at=utc_now(), state=RESET_PASSWORD.state(user))
        assert visitor.submit(f"/password-reset/{token}", {"new_password": "difference engine"}).status_code == 303
        assert visitor.submit("/login", {"username": "mira", "password": "difference engine"}).status_code == 303

    def test_a_stolen_session_cannot_guess_from_many_networks(self, app: Flask):
        client = log_in(app.test_client(), make_user(username="mira"))
        token = Visitor(client).token("/account/password")
        fields = {"password": "wrong", "new_password": "difference engine", "csrf_token": token}
        statuses = [client.post("/account/password", data=fields, **source(f"198.51.100.{n}")).status_code for n in range(1, 31)]
        assert statuses == [422] * 21 + [429] * 9
