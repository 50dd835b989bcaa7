import pytest
from flask import Flask
from sqlalchemy import select

from evently.accounts.models import User
from evently.extensions import db
from tests.factories import PASSWORD, log_in, make_organizer, make_user
from tests.harness.visitor import Visitor

pytestmark = pytest.mark.usefixtures("no_limits")
NEW = {"username": "mira", "email": "mira@talberg.example", "password": "correct horse"}


@pytest.mark.parametrize("login", ["mira", "MIRA", "mira@talberg.example"])
def test_signing_in_by_name_or_address(visitor: Visitor, login: str):
    make_user(username="mira", email="mira@talberg.example", first_name="Mira")
    answer = visitor.submit("/login", {"username": login, "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.location == "/"
    page = visitor.get("/").text
    assert "Mira" in page
    assert "Log out" in page
    assert "Organize" not in page


def test_only_organizers_see_their_desk(visitor: Visitor):
    log_in(visitor.client, make_organizer())
    assert "Organize" in visitor.get("/").text


def test_a_wrong_password_keeps_the_name_and_forgets_the_password(visitor: Visitor):
    make_user(username="mira")
    answer = visitor.submit("/login", {"username": "mira", "password": "wrong secret"})
    assert answer.status_code == 422
    assert "do not match" in answer.text
    assert 'value="mira"' in answer.text
    assert "wrong secret" not in answer.text
    unknown = visitor.submit("/login", {"username": "nobody", "password": "wrong secret"})
    assert "do not match" in unknown.text


def test_an_empty_form_names_every_field(visitor: Visitor):
    answer = visitor.submit("/login", {"username": "", "password": ""})
    assert answer.status_code == 422
    assert "Two things need another look" in answer.text
    assert 'href="#username"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2


def session_cookie(answer) -> str:
    [cookie] = [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith("session=")]
    return cookie


def test_staying_signed_in_outlives_the_browser(visitor: Visitor):
    make_user(username="mira")
    fields = {"username": "mira", "password": PASSWORD}
    assert "Max-Age" not in session_cookie(visitor.submit("/login", fields))
    visitor.submit("/", action="/logout")
    assert f"Max-Age={30 * 24 * 3600}" in session_cookie(visitor.submit("/login", fields | {"remember": "y"}))


def test_signing_in_brings_one_back(visitor: Visitor):
    make_user(username="mira")
    answer = visitor.submit("/login?next=/bookings?tab%3Dpast", {"username": "mira", "password": PASSWORD})
    assert answer.location == "/bookings?tab=past"
    assert visitor.get("/login?next=/account").location == "/account"


def test_asking_for_the_headers_of_a_form_sends_nothing(visitor: Visitor):
    assert [visitor.client.head(address).status_code for address in ("/login", "/register")] == [200, 200]
    log_in(visitor.client, make_user())
    assert visitor.client.head("/account").status_code == 200


def test_logging_out_is_a_post(visitor: Visitor):
    log_in(visitor.client, make_user())
    assert visitor.get("/logout").status_code == 405
    answer = visitor.submit("/", action="/logout", follow=True)
    assert "You are signed out." in answer.text
    assert "Sign in" in answer.text


def test_registering_signs_in_and_brings_one_back(visitor: Visitor):
    answer = visitor.submit("/register?next=/bookings", NEW | {"first_name": "Mira"})
    assert answer.status_code == 303
    assert answer.location == "/bookings"
    assert "Welcome, Mira." in visitor.get("/bookings").text
    user = db.session.scalars(select(User)).one()
    assert user.email == "mira@talberg.example"
    assert {user.is_organizer, user.is_staff, user.is_superuser} == {False}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "mira@", "Enter an e-mail address like"),
        ("email", "", "Enter your e-mail address."),
        ("username", "mira talberg", "letters, digits"),
        ("username", "taken", "Somebody already has this username."),
        ("password", "short", "8 to 128"),
        ("password", "password1", "everybody tries first"),
        ("first_name", "x" * 151, "at most 150"),
    ],
)
def test_registering_says_what_is_wrong_and_keeps_the_rest(visitor: Visitor, field: str, value: str, words: str):
    make_user(username="taken", email="taken@example.org")
    answer = visitor.submit("/register", NEW | {"first_name": "Mira"} | {field: value})
    assert answer.status_code == 422
    assert words in answer.text
    assert f'id="{field}-error"' in answer.text
    assert NEW["password"] not in answer.text
    for name, kept in (NEW | {"first_name": "Mira"}).items():
        if name not in {field, "password"}:
            assert f'value="{kept}"' in answer.text
    assert len(db.session.scalars(select(User)).all()) == 1


def test_the_account_page_changes_what_one_tells(visitor: Visitor):
    user = make_user(first_name="Mira", address="Am Kanal 1")
    log_in(visitor.client, user)
    answer = visitor.submit("/account", {"last_name": "Talberg", "phone_number": "+49 341 1234"}, follow=True)
    assert "Your changes are saved." in answer.text
    assert (user.full_name, user.phone_number, user.address) == ("Mira Talberg", "+49 341 1234", "Am Kanal 1")


def test_a_wrong_profile_changes_nothing(visitor: Visitor):
    user = make_user(first_name="Mira")
    log_in(visitor.client, user)
    answer = visitor.submit("/account", {"first_name": "Myra", "phone_number": "call me"})
    assert answer.status_code == 422
    assert "Use digits" in answer.text
    assert 'value="call me"' in answer.text
    assert 'value="Myra"' in answer.text
    db.session.expire_all()
    assert user.first_name == "Mira"


def test_demo_accounts_are_named_where_there_are_any_in_embedded_mode(app: Flask, visitor: Visitor):
    assert "evently-demo" not in visitor.get("/login").text
    make_user(username="attendee")
    assert ("evently-demo" in visitor.get("/login").text) is app.config["EMBEDDED"]
