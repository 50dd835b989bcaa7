"""A changed address is pending until its link is opened, and the old address can undo it."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts import email_changes, password_reset
from evently.accounts.email_changes import (
    cancel_email_change,
    confirm_email_change,
    find_pending_change,
    request_email_change,
    undo_email_change,
)
from evently.accounts.models import ApiToken, EmailChange, User
from evently.accounts.passwords import is_correct
from evently.accounts.tokens import issue_token
from evently.bookings.manual_bookings import add_booking
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid, NotAllowed, NotFound
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import make_event, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import fresh

NEW_PASSWORD = "difference engine"


@pytest.fixture
def user(app: Flask) -> User:
    return make_user(username="mira", email="mira@talberg.example", email_confirmed_at=utc_now())


def newest(kind: str) -> Mail:
    fresh()
    return db.session.scalars(sa.select(Mail).where(Mail.kind == kind).order_by(Mail.id.desc())).first()


def token_in(mail: Mail, path: str) -> str:
    rendered = render_mail(mail)
    [token] = set(re.findall(rf"/account/address/{path}/([^\s\"]+)", rendered.text + rendered.html))
    return token


def change(user: User, email: str = "new@talberg.example") -> str:
    """Request a change; the token that confirms it."""
    request_email_change(user=user, email=email, reveals_taken=True)
    return token_in(newest("confirm_email_change"), "confirmation")


def test_a_change_is_pending_until_its_link_is_opened(user: User):
    token = change(user, "New@Talberg.example")
    assert (user.email, find_pending_change(user).new_email) == ("mira@talberg.example", "new@talberg.example")
    password_reset.send_reset_email("mira")
    assert newest("reset_password").to_address == "mira@talberg.example"
    password_reset.send_reset_email("new@talberg.example")
    assert newest("reset_password").to_address == "mira@talberg.example"
    assert confirm_email_change(by=user, token=token, session="").email == "new@talberg.example"
    fresh()
    assert user.email_confirmed_at is not None
    assert find_pending_change(user) is None
    assert (newest("email_change_requested").to_address, newest("address_changed").to_address) == ("mira@talberg.example",) * 2


def test_bookings_that_an_organizer_made_for_the_new_address_move_to_the_account(user: User):
    event = make_event()
    booking = add_booking(by=event.organizer, event_id=event.id, email="new@talberg.example", first_name="Mira", tickets=1)
    assert booking.user_id != user.id
    confirm_email_change(by=user, token=change(user), session="")
    assert reload(booking).user_id == user.id


def test_its_link_is_for_the_account_that_asked(user: User):
    token = change(user)
    with pytest.raises(NotAllowed):
        confirm_email_change(by=make_user(), token=token, session="")
    fresh()
    assert user.email == "mira@talberg.example"


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["before it was confirmed", "after it was confirmed"])
def test_the_old_address_undoes_a_change_with_a_new_password(user: User, is_confirmed: bool):
    token = change(user)
    if is_confirmed:
        confirm_email_change(by=user, token=token, session="")
    undo = token_in(newest("address_changed" if is_confirmed else "email_change_requested"), "undo")
    issue_token(user=user, name="the thief's")
    undo_email_change(token=undo, new_password=NEW_PASSWORD)
    fresh()
    assert (user.email, is_correct(user.password_hash, NEW_PASSWORD)) == ("mira@talberg.example", True)
    assert user.email_confirmed_at is not None
    assert db.session.query(ApiToken).count() == 0
    for use in (
        lambda: confirm_email_change(by=user, token=token, session=""),
        lambda: undo_email_change(token=undo, new_password="another password"),
    ):
        with pytest.raises(NotFound):
            use()


def test_undoing_the_first_of_two_changes_undoes_both(user: User):
    confirm_email_change(by=user, token=change(user), session="")
    first = token_in(newest("address_changed"), "undo")
    confirm_email_change(by=user, token=change(user, "third@talberg.example"), session="")
    second = token_in(newest("address_changed"), "undo")
    undo_email_change(token=first, new_password=NEW_PASSWORD)
    fresh()
    assert user.email == "mira@talberg.example"
    with pytest.raises(NotFound):
        undo_email_change(token=second, new_password=NEW_PASSWORD)


@pytest.mark.parametrize("kind", ["confirm_email_change", "email_change_requested"])
@pytest.mark.parametrize(("hours", "works"), [(71, True), (73, False)])
def test_links_work_for_72_hours(user: User, kind: str, hours: int, works: bool):
    change(user)
    mail = newest(kind)
    with transaction():
        mail.created_at = utc_now() - dt.timedelta(hours=hours)
    token = token_in(newest(kind), "confirmation" if kind == "confirm_email_change" else "undo")

    def use():
        if kind == "confirm_email_change":
            return confirm_email_change(by=user, token=token, session="")
        return undo_email_change(token=token, new_password=NEW_PASSWORD)

    if works:
        assert use().id == user.id
    else:
        with pytest.raises(NotFound):
            use()


def test_a_later_request_replaces_the_one_before(user: User):
    first, second = change(user, "one@talberg.example"), change(user, "two@talberg.example")
    with pytest.raises(NotFound):
        confirm_email_change(by=user, token=first, session="")
    assert confirm_email_change(by=user, token=second, session="").email == "two@talberg.example"


def test_a_pending_change_can_be_cancelled(user: User):
    token = change(user)
    cancel_email_change(user=user)
    with pytest.raises(NotFound):
        confirm_email_change(by=user, token=token, session="")
    with pytest.raises(Conflict):
        cancel_email_change(user=user)


def test_a_password_reset_cancels_a_pending_change(user: User):
    token = change(user)
    password_reset.send_reset_email("mira")
    [reset] = re.findall(r"/password-reset/(\S+)", render_mail(newest("reset_password")).text)
    password_reset.reset_password(token=reset, new_password=NEW_PASSWORD)
    with pytest.raises(NotFound):
        confirm_email_change(by=user, token=token, session="")


def test_the_address_it_has_cancels_a_pending_change_and_sends_no_mail(user: User):
    change(user)
    count = db.session.query(Mail).count()
    assert request_email_change(user=user, email="MIRA@talberg.example", reveals_taken=True) is None
    assert (find_pending_change(user), db.session.query(Mail).count()) == (None, count)


def test_an_unconfirmed_old_address_is_not_told(app: Flask):
    user = make_user()
    token = change(user)
    assert newest("email_change_requested") is None
    issue_token(user=user)
    confirm_email_change(by=user, token=token, session="")
    assert newest("address_changed") is None
    # The first confirmation: nothing from before it goes on.
    assert db.session.query(ApiToken).count() == 0


def test_an_address_of_another_account_is_refused_or_its_owner_is_told(user: User):
    make_user(email="taken@talberg.example", email_confirmed_at=utc_now())
    with pytest.raises(Invalid) as error:
        request_email_change(user=user, email="Taken@talberg.example", reveals_taken=True)
    assert list(error.value.fields) == ["email"]
    request_email_change(user=user, email="taken@talberg.example", reveals_taken=False)
    mail = newest("confirm_email_change")
    assert mail.to_address == "taken@talberg.example"
    assert "You already have an account" in render_mail(mail).text
    assert "/account/address/" not in render_mail(mail).text + render_mail(mail).html
    assert render_mail(mail, as_requested=True).subject == "Confirm your new e-mail address"


def test_of_two_accounts_that_confirm_one_new_address_at_once_one_does(app: Flask):
    users = [make_user(email_confirmed_at=utc_now()) for _ in range(3)]
    tokens = [change_without_looking(user) for user in users]
    calls = [
        lambda user=user, token=token: confirm_email_change(by=db.session.get(User, user.id), token=token, session="")
        for user, token in zip(users, tokens, strict=True)
    ]
    results = at_once(app, calls)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "User"]


def change_without_looking(user: User) -> str:
    request_email_change(user=user, email="one@talberg.example", reveals_taken=False)
    return token_in(newest("confirm_email_change"), "confirmation")


def test_changes_whose_links_have_expired_are_deleted(user: User):
    change(user)
    with transaction() as session:
        session.execute(sa.update(EmailChange).values(requested_at=utc_now() - dt.timedelta(days=91)))
    assert email_changes.delete_old() == 1
