"""The pages of an account: address, password, browsers, tokens, data, and the way out."""

import datetime as dt
import html
import json
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts import password_reset
from evently.accounts.models import ApiToken, BrowserSession, User
from evently.accounts.passwords import is_correct
from evently.database import transaction, utc_now
from evently.extensions import db
from evently.notifications import outbox
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import (
    PASSWORD,
    api_token,
    in_days,
    log_in,
    make_booking,
    make_event,
    make_organizer,
    make_staff,
    make_superuser,
    make_user,
)
from tests.harness.site import fresh
from tests.harness.visitor import Visitor, is_signed_in

pytestmark = pytest.mark.usefixtures("no_limits")
NEW = "difference engine"


def mails(kind: str) -> list[Mail]:
    fresh()
    return list(db.session.scalars(sa.select(Mail).where(Mail.kind == kind).order_by(Mail.id)))


def link_in(mail: Mail, start: str) -> str:
    return re.search(rf"http://127.0.0.1:8000({start}\S+)", render_mail(mail).text)[1]


PAGES = ("", "/address", "/password", "/sessions", "/tokens", "/data", "/data.json", "/closing")


@pytest.mark.parametrize("page", PAGES)
def test_nobody_else_sees_them(visitor: Visitor, page: str):
    answer = visitor.get(f"/account{page}")
    assert (answer.status_code, answer.location) == (303, f"/login?next=%2Faccount{page.replace('/', '%2F')}")


def test_an_address_is_confirmed_by_a_button_and_not_by_a_look(visitor: Visitor):
    visitor.submit("/register", {"username": "mira", "email": "mira@talberg.example", "password": "correct horse"})
    assert "Confirm your e-mail address." in visitor.get("/account").text
    assert visitor.submit("/account", action="/account/confirmation").location == "/account/address"
    [_, mail] = mails("confirm_address")
    address = link_in(mail, "/account/confirmation/")
    assert "mira@talberg.example" in visitor.get(address).text
    assert "Confirm your e-mail address." in visitor.get("/account").text
    answer = visitor.submit(address, follow=True)
    assert "mira@talberg.example is confirmed." in answer.text
    assert "Confirm your e-mail address." not in answer.text
    assert "already confirmed" in visitor.get(address).text


def test_a_link_opened_elsewhere_asks_to_sign_in_first(visitor: Visitor, app: Flask):
    visitor.submit("/register", {"username": "mira", "email": "mira@talberg.example", "password": "correct horse"})
    address = link_in(mails("confirm_address")[0], "/account/confirmation/")
    elsewhere = Visitor(app.test_client())
    page = elsewhere.get(address)
    assert f'href="/login?next={address}"' in page.text
    assert f'action="{address}"' not in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"
    elsewhere.submit(f"/login?next={address}", {"username": "mira", "password": "correct horse"})
    assert "mira@talberg.example is confirmed." in elsewhere.submit(address, follow=True).text
    # The browser that registered, who knows by whom, is signed out.
    assert (is_signed_in(elsewhere), is_signed_in(visitor)) == (True, False)


def test_a_dead_link_says_what_to_do(visitor: Visitor):
    for address, way in (("/account/confirmation/1.2.3", "/account/address"), ("/password-reset/1.2.3", "/password-reset")):
        answer = visitor.get(address)
        assert (answer.status_code, "no longer works" in answer.text, f'href="{way}"' in answer.text) == (404, True, True)


def test_another_address_needs_the_password_and_is_to_be_confirmed(visitor: Visitor, user: User):
    wrong = visitor.submit("/account/address", {"email": "new@talberg.example", "password": "wrong"})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert 'value="new@talberg.example"' in wrong.text
    make_user(email="taken@talberg.example", email_confirmed_at=utc_now())
    answers = {}
    for email in ("taken@talberg.example", "new@talberg.example"):
        answer = visitor.submit("/account/address", {"email": email, "password": PASSWORD}, follow=True)
        assert f"We sent a link to {email}." in answer.text
        assert f"Waiting for you to confirm {email}." in answer.text
        answers[email] = re.sub(r'value="[^"]*"|<time.*?</time>', "", answer.text.partition("<main")[2].replace(email, "them"))
    # Nothing on the page tells that one of them has an account.
    assert len(set(answers.values())) == 1
    assert user.email == "mira@talberg.example"
    address = link_in(mails("confirm_email_change")[-1], "/account/address/confirmation/")
    assert "new@talberg.example is confirmed." in visitor.submit(address, follow=True).text
    assert user.email == "new@talberg.example"


def test_a_pending_address_can_be_cancelled(visitor: Visitor, user: User):
    visitor.submit("/account/address", {"email": "new@talberg.example", "password": PASSWORD})
    answer = visitor.submit("/account/address", action="/account/address/cancellation", follow=True)
    assert "Your e-mail address is still mira@talberg.example." in answer.text
    assert "Waiting for you to confirm" not in answer.text
    address = link_in(mails("confirm_email_change")[0], "/account/address/confirmation/")
    assert visitor.get(address).status_code == 404


def test_the_old_address_takes_the_account_back(visitor: Visitor, other: Visitor, user: User, app: Flask):
    visitor.submit("/account/address", {"email": "new@talberg.example", "password": PASSWORD})
    visitor.submit(link_in(mails("confirm_email_change")[0], "/account/address/confirmation/"))
    address = link_in(mails("address_changed")[0], "/account/address/undo/")
    owner = Visitor(app.test_client())
    assert "Keep mira@talberg.example" in owner.get(address).text
    assert "8 to 128" in owner.submit(address, {"new_password": "short"}).text
    answer = owner.submit(address, {"new_password": NEW}, follow=True)
    assert "Your e-mail address is mira@talberg.example" in answer.text
    assert not any(map(is_signed_in, (visitor, other)))
    assert owner.get(address).status_code == 404
    assert owner.submit("/login", {"username": "mira@talberg.example", "password": NEW}).status_code == 303


def test_a_new_password_signs_out_the_other_browsers(visitor: Visitor, other: Visitor, user: User):
    assert is_signed_in(other)
    answer = visitor.submit("/account/password", {"password": PASSWORD, "new_password": NEW}, follow=True)
    assert "Your new password is set." in answer.text
    assert (is_signed_in(visitor), is_signed_in(other)) == (True, False)
    assert is_correct(user.password_hash, NEW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "wrong", "new_password": NEW}, "This is not your password."),
        ({"password": PASSWORD, "new_password": "short"}, "8 to 128"),
        ({"password": PASSWORD, "new_password": "password1"}, "everybody tries first"),
        ({"password": PASSWORD, "new_password": "Mira@Talberg.example"}, "first thing that anybody would try"),
        ({"password": PASSWORD, "new_password": ""}, "Choose a password."),
    ],
)
def test_a_password_that_will_not_do_is_said_so(visitor: Visitor, user: User, fields: dict[str, str], words: str):
    answer = visitor.submit("/account/password", fields)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert all(f'value="{secret}"' not in answer.text for secret in fields.values() if secret)


def test_a_forgotten_password_is_set_anew_by_mail(visitor: Visitor, other: Visitor, user: User, app: Flask):
    stranger = Visitor(app.test_client())
    known = stranger.submit("/password-reset", {"username": "mira@talberg.example"})
    unknown = stranger.submit("/password-reset", {"username": "nobody@talberg.example"})
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location) == (303, "/password-reset?sent=1")
    assert "If we know that name or address" in stranger.get(known.location).text
    password_reset.send_reset_email("mira")
    address = link_in(mails("reset_password")[0], "/password-reset/")
    page = stranger.get(address)
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "8 to 128" in stranger.submit(address, {"new_password": "short"}).text
    answer = stranger.submit(address, {"new_password": NEW}, follow=True)
    assert "Your new password is set. Sign in with it." in answer.text
    assert not any(map(is_signed_in, (visitor, other, stranger)))
    assert stranger.get(address).status_code == 404
    assert stranger.submit("/login", {"username": "mira", "password": NEW}).status_code == 303


def test_ones_data_can_be_taken_along(visitor: Visitor, user: User):
    booking = make_booking(user=user, event=make_event(name="Nachtkonzert"), tickets=2)
    make_booking()
    token = api_token(user)
    answer = visitor.get("/account/data.json")
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="evently-mira.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    data = json.loads(answer.text)
    assert list(data) == ["site", "written_at", "profile", "bookings", "mails", "unsubscribed_from", "sessions", "api_tokens"]
    assert (data["profile"]["username"], data["profile"]["email"]) == ("mira", "mira@talberg.example")
    [taken] = data["bookings"]
    assert (taken["reference"], taken["event"]["name"], taken["total"], len(taken["codes"])) == (booking.reference, "Nachtkonzert", 25.0, 2)
    assert [mail["subject"] for mail in data["mails"]] == ["Your 2 tickets for Nachtkonzert"]
    assert [kept["name"] for kept in data["api_tokens"]] == ["tests"]
    assert len(data["sessions"]) == 1
    secrets = [token, user.password_hash, *db.session.scalars(sa.select(ApiToken.token_sha256))]
    assert not any(secret in answer.text for secret in [*secrets, *db.session.scalars(sa.select(BrowserSession.id_sha256))])


def test_closing_says_what_happens_asks_for_the_password_and_does_it(visitor: Visitor, other: Visitor, user: User):
    coming, over = make_event(name="Nachtkonzert", capacity=5), make_event(name="Brunch")
    make_booking(user=user, event=coming, tickets=3)
    past = make_booking(user=user, event=over)
    with transaction() as session:
        session.get(type(over), over.id).time = in_days(-1)
    api_token(user)
    page = html.unescape(visitor.get("/account/closing").text)
    assert "3 tickets that you hold or wait for" in re.sub(r"\s+", " ", page)
    assert ("Nachtkonzert" in page, "Brunch" in page) == (True, False)
    assert "This is not your password." in visitor.submit("/account/closing", {"password": "wrong"}).text
    answer = visitor.submit("/account/closing", {"password": PASSWORD}, follow=True)
    assert "Your account is closed." in answer.text
    assert not any(map(is_signed_in, (visitor, other)))
    fresh()
    gone = db.session.get(User, user.id)
    assert (gone.is_active, gone.email, gone.full_name) == (False, f"(deleted-{user.id})", "Former member")
    assert (coming.reserved_tickets, past.status) == (0, "confirmed")
    assert db.session.query(ApiToken).count() == 0
    assert visitor.submit("/login", {"username": "mira", "password": PASSWORD}).status_code == 422
    [mail] = mails("account_closed")
    assert (mail.to_address, mail.user_id) == ("mira@talberg.example", None)
    assert "Hello Mira, your account" in render_mail(mail).text
    # Whoever left is forgotten as soon as the good-bye has left.
    outbox.purge_deleted_accounts()
    assert mails("account_closed")[0].to_address == "mira@talberg.example"
    outbox.capture(limit=100)
    outbox.purge_deleted_accounts()
    [mail] = mails("account_closed")
    assert (mail.to_address, mail.context) == ("", {})
    assert "Mira" not in render_mail(mail).text
    assert visitor.submit("/register", {"username": "mira", "email": "mira@talberg.example", "password": NEW}).status_code == 303


def test_an_organizer_with_events_to_come_cannot_leave_their_guests(visitor: Visitor):
    organizer = make_organizer()
    make_event(by=organizer, time=in_days(3))
    make_event(by=organizer, status="draft"), make_event(by=organizer, time=in_days(-1)), make_event(by=organizer, status="cancelled")
    log_in(visitor.client, organizer)
    assert "You organize 1 event that is still to come" in visitor.get("/account/closing").text
    answer = visitor.submit("/account/closing", {"password": PASSWORD})
    assert (answer.status_code, "Cancel or delete first" in answer.text) == (409, True)
    fresh()
    assert organizer.is_active
    assert mails("account_closed") == []


def test_somebody_who_manages_people_stays(visitor: Visitor):
    admin = make_superuser()
    make_superuser(is_active=False)
    log_in(visitor.client, admin)
    answer = visitor.submit("/account/closing", {"password": PASSWORD})
    assert (answer.status_code, "You are the only one" in answer.text) == (409, True)
    make_superuser()
    assert visitor.submit("/account/closing", {"password": PASSWORD}).status_code == 303


def test_a_registration_that_was_confirmed_long_ago_is_left_alone(visitor: Visitor, user: User):
    with transaction():
        user.email_confirmed_at = long_ago = (utc_now() - dt.timedelta(days=400)).replace(microsecond=0)
    answer = visitor.client.post("/account/confirmation", data={"csrf_token": visitor.token("/account/address")}, follow_redirects=True)
    assert "already confirmed" in answer.text
    fresh()
    assert user.email_confirmed_at == long_ago
    assert mails("confirm_address") == []


def test_staff_do_not_become_somebody_else_by_a_caught_mail(visitor: Visitor, app: Flask, user: User):
    password_reset.send_reset_email("mira")
    [mail] = mails("reset_password")
    answers = {}
    for somebody in (make_staff(), make_superuser()):
        log_in(visitor.client, somebody)
        answers[somebody.is_superuser] = {visitor.get(f"/dev/mailbox/{mail.id}{part}").status_code for part in ("", "/body")}
    # In embedded mode there is nobody but the one who tries it out.
    assert answers == ({False: {200}, True: {200}} if app.config["EMBEDDED"] else {False: {403}, True: {200}})
