"""Addresses are confirmed by their mailbox; until then one may do everything but lose a password."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.addresses import ask_for_confirmation, confirm_address
from evently.accounts.models import User
from evently.accounts.services import create_superuser, register, update_profile
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid, NotFound
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import fresh


@pytest.fixture
def user(app: Flask) -> User:
    return register(username="mira", password="correct horse", profile={"email": "mira@talberg.example", "first_name": "Mira"})


def mails(kind: str) -> list[Mail]:
    fresh()
    return list(db.session.scalars(sa.select(Mail).where(Mail.kind == kind).order_by(Mail.id)))


def link_in(mail: Mail) -> str:
    rendered = render_mail(mail)
    [token] = set(re.findall(r"/account/confirmation/([^\s\"]+)", rendered.text + rendered.html))
    return token


def test_who_registers_is_asked_by_mail_and_answers_by_its_link(user: User):
    [mail] = mails("confirm_address")
    assert (mail.to_address, user.email_confirmed_at) == ("mira@talberg.example", None)
    token = link_in(mail)
    assert confirm_address(token=token) == user
    fresh()
    first = user.email_confirmed_at
    assert first is not None
    # A second press changes nothing.
    confirm_address(token=token)
    fresh()
    assert user.email_confirmed_at == first


def test_operators_are_taken_at_their_word(app: Flask):
    assert create_superuser(username="root", email="root@example.org", password="correct horse").email_confirmed_at
    assert mails("confirm_address") == []


def test_a_ticket_says_how_to_confirm_until_one_has(user: User):
    make_booking(user=user)
    [mail] = mails("booking_confirmed")
    confirm_address(token=link_in(mail))
    [mail] = mails("booking_confirmed")
    assert "/account/confirmation/" not in render_mail(mail).text + render_mail(mail).html


def test_the_mail_can_be_had_again_until_one_has(user: User):
    ask_for_confirmation(user=user)
    assert len(mails("confirm_address")) == 2
    confirm_address(token=link_in(mails("confirm_address")[1]))
    with pytest.raises(Conflict):
        ask_for_confirmation(user=user)


def test_another_address_is_to_be_confirmed_and_the_one_before_hears_of_it(user: User):
    old = link_in(mails("confirm_address")[0])
    confirm_address(token=old)
    update_profile(user=user, profile={"email": "new@talberg.example"})
    fresh()
    assert user.email_confirmed_at is None
    assert [mail.to_address for mail in mails("confirm_address")] == ["mira@talberg.example", "new@talberg.example"]
    assert [mail.to_address for mail in mails("address_changed")] == ["mira@talberg.example"]
    # What went to the old mailbox proves nothing about the new one, even when it is written only now.
    for token in (old, link_in(mails("confirm_address")[0])):
        with pytest.raises(NotFound):
            confirm_address(token=token)
    confirm_address(token=link_in(mails("confirm_address")[1]))


def test_the_same_address_stays_confirmed(user: User):
    confirm_address(token=link_in(mails("confirm_address")[0]))
    update_profile(user=user, profile={"email": "MIRA@talberg.example", "last_name": "Talberg"})
    fresh()
    assert user.email_confirmed_at is not None
    assert len(mails("confirm_address")) == 1


def test_a_link_to_confirm_works_for_thirty_days(user: User):
    with transaction():
        mails("confirm_address")[0].created_at = utc_now() - dt.timedelta(days=31)
    with pytest.raises(NotFound):
        confirm_address(token=link_in(mails("confirm_address")[0]))


def test_the_later_of_two_editors_wins_even_with_what_the_first_found(app: Flask):
    user = make_user(first_name="Ada")

    def read() -> str:
        return db.session.get(User, user.id).first_name

    def call():
        mine = db.session.get(User, user.id)
        assert mine.first_name == "Ada"
        # Somebody else, in another process, meanwhile.
        with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
            connection.execute(sa.update(User.__table__).values(first_name="Countess"))
        return update_profile(user=mine, profile={"first_name": "Ada"})

    [result] = at_once(app, [call])
    assert not isinstance(result, Exception)
    fresh()
    assert read() == "Ada"


def test_of_two_who_take_an_address_at_once_one_does(app: Flask):
    users = [make_user() for _ in range(3)]
    calls = [
        lambda user_id=user.id: update_profile(user=db.session.get(User, user_id), profile={"email": "one@example.org"}) for user in users
    ]
    results = at_once(app, calls)
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "Invalid", "User"]
    assert all(list(result.fields) == ["email"] for result in results if isinstance(result, Invalid))


def test_events_can_be_booked_before(user: User):
    assert make_booking(user=user, event=make_event()).status == "confirmed"
