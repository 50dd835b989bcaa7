"""An address belongs to an account once its link was opened by a person signed in to that account."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.email_confirmation import confirm_email, send_confirmation
from evently.accounts.models import ApiToken, BrowserSession, User
from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.services import create_superuser, register, update_profile
from evently.accounts.sessions import create
from evently.accounts.signed_links import CONFIRM_ADDRESS
from evently.accounts.tokens import issue_token
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAllowed, NotFound
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event, make_user, reload
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


def confirm(user: User, *, number: int = 0, session: str = "") -> User:
    return confirm_email(by=user, token=link_in(mails("confirm_address")[number]), session=session)


def test_a_registration_is_confirmed_by_the_link_of_its_mail(user: User):
    [mail] = mails("confirm_address")
    assert (mail.to_address, user.email_confirmed_at) == ("mira@talberg.example", None)
    token = link_in(mail)
    assert confirm_email(by=user, token=token, session="") == user
    fresh()
    first = user.email_confirmed_at
    assert first is not None
    confirm_email(by=user, token=token, session="")
    fresh()
    assert user.email_confirmed_at == first


def test_the_link_alone_confirms_no_account_of_another_person(user: User):
    with pytest.raises(NotAllowed) as error:
        confirm_email(by=make_user(), token=link_in(mails("confirm_address")[0]), session="")
    assert error.value.code == "other_account"
    fresh()
    assert user.email_confirmed_at is None


def test_confirming_ends_every_session_and_token_from_before(user: User):
    for name in ("here", "elsewhere"):
        create(name, user_id=user.id, data={}, device="", is_remembered=False)
    issue_token(user=user, name="registration")
    token = link_in(mails("confirm_address")[0])
    confirm_email(by=user, token=token, session="here")
    fresh()
    assert db.session.scalars(sa.select(BrowserSession.id_sha256)).all() == ["here"]
    assert db.session.query(ApiToken).count() == 0
    # Nothing ends when the link is opened again.
    issue_token(user=user)
    confirm_email(by=user, token=token, session="here")
    assert db.session.query(ApiToken).count() == 1


def test_an_address_that_another_account_confirmed_is_refused(user: User):
    make_user(email="mira@talberg.example", email_confirmed_at=utc_now())
    token = token_for(user)
    with pytest.raises(Conflict) as error:
        confirm_email(by=user, token=token, session="")
    assert error.value.code == "email_taken"
    fresh()
    assert user.email_confirmed_at is None


def token_for(user: User) -> str:
    return CONFIRM_ADDRESS.token(user_id=user.id, address=user.email, written_at=utc_now(), state="")


def test_of_two_accounts_that_confirm_one_address_at_once_one_does(app: Flask):
    users = [make_user(email="mira@talberg.example") for _ in range(3)]
    calls = [lambda user=user: confirm_email(by=db.session.get(User, user.id), token=token_for(user), session="") for user in users]
    results = at_once(app, calls)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "User"]


def test_operators_are_taken_at_their_word(app: Flask):
    assert create_superuser(username="root", email="root@example.org", password="correct horse").email_confirmed_at
    assert mails("confirm_address") == []


def test_a_ticket_says_how_to_confirm_until_one_has(user: User):
    make_booking(user=user)
    [mail] = mails("booking_confirmed")
    confirm_email(by=user, token=link_in(mail), session="")
    [mail] = mails("booking_confirmed")
    assert "/account/confirmation/" not in render_mail(mail).text + render_mail(mail).html


def test_the_mail_can_be_sent_again_until_one_has(user: User):
    send_confirmation(user=user)
    assert len(mails("confirm_address")) == 2
    confirm(user, number=1)
    with pytest.raises(Conflict):
        send_confirmation(user=user)


def test_a_link_works_for_thirty_days(user: User):
    with transaction():
        mails("confirm_address")[0].created_at = utc_now() - dt.timedelta(days=31)
    with pytest.raises(NotFound):
        confirm(user)


def test_bookings_of_guest_accounts_with_the_address_move_to_its_owner(user: User):
    guest, stranger = make_user(email="Mira@talberg.example", password_hash=NO_PASSWORD), make_user(email="mira@talberg.example")
    theirs, not_theirs = make_booking(user=guest), make_booking(user=stranger)
    confirm(user)
    assert (reload(theirs).user_id, reload(not_theirs).user_id) == (user.id, stranger.id)
    assert {mail.user_id for mail in mails("booking_confirmed")} == {user.id, stranger.id}
    assert db.session.get(User, guest.id) is None


def test_the_later_of_two_editors_wins_even_with_what_the_first_found(app: Flask):
    user = make_user(first_name="Ada")

    def read() -> str:
        return db.session.get(User, user.id).first_name

    def call():
        mine = db.session.get(User, user.id)
        assert mine.first_name == "Ada"
        # Another process writes meanwhile.
        with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
            connection.execute(sa.update(User.__table__).values(first_name="Countess"))
        return update_profile(user=mine, profile={"first_name": "Ada"})

    [result] = at_once(app, [call])
    assert not isinstance(result, Exception)
    fresh()
    assert read() == "Ada"


def test_events_can_be_booked_before(user: User):
    assert make_booking(user=user, event=make_event()).status == "confirmed"
