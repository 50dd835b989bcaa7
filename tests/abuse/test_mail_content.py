"""No e-mail carries the words of an account without a confirmed address into another mailbox."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts import signals
from evently.accounts.models import User
from evently.database import transaction
from evently.notifications.letters import compose
from evently.notifications.models import KINDS, Mail
from evently.notifications.rendering import render_mail
from tests.abuse.mail import ADVERT, SPAM, VICTIM, confirmed
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.notifications.outbox_helpers import mails

# The budgets hold without the limits on requests.
pytestmark = pytest.mark.usefixtures("no_limits")


def mail_of(kind: str, user: User, *, to: str | None = None) -> Mail:
    """The mail of this kind about a booking of an organizer whose name is an advert too."""
    organizer = make_organizer(first_name="Buy at", last_name="www.spam.example")
    booking = make_booking(user=user, event=make_event(by=organizer, name="Jazz"))
    values: dict[str, Any] = {"kind": kind, "to_address": to or user.email, "user_id": user.id, "delivery_key": f"test:{kind}"}
    with transaction() as session:
        session.execute(sa.delete(Mail))
        session.execute(sa.insert(Mail), [{**values, "booking_id": booking.id, "event_id": booking.event_id, "context": {}}])
    (mail,) = mails()
    return mail


@pytest.mark.parametrize("kind", KINDS)
def test_no_mail_carries_a_strangers_words(app: Flask, kind: str):
    mallory = make_user(username=f"www.spam.example-{kind}", first_name=ADVERT, last_name="spam.example", email=VICTIM)
    mail = mail_of(kind, mallory)
    rendered, content = render_mail(mail), compose(mail).content.decode()
    text = f"{rendered.subject} {rendered.text} {rendered.html} {content}"
    if kind == "staff_account":
        # A superuser chose it.
        text = text.replace(mallory.username, "")
    assert not [word for word in SPAM if word in text]
    assert "Hello, " in " ".join(rendered.text.split())


@pytest.mark.parametrize("kind", ["confirm_email_change", "confirm_address", "address_changed"])
def test_nor_does_a_confirmed_account_write_to_another_mailbox(app: Flask, kind: str):
    mallory = confirmed(first_name="You won 500 EUR", last_name="Call us", username="call-0800-you-won")
    mail = mail_of(kind, mallory, to=VICTIM)
    for text in (str(render_mail(mail)), compose(mail).content.decode()):
        assert not [word for word in (*SPAM, "0800", "Call us") if word in text]


def test_people_are_greeted_by_a_name_that_they_typed(app: Flask):
    user = confirmed(first_name="Ada", last_name="Quill")
    mail = mail_of("booking_confirmed", user)
    assert "Hello Ada," in render_mail(mail).text
    assert f"To: Ada Quill <{user.email}>".encode() in compose(mail).content


def test_good_bye_greets_no_stranger(app: Flask):
    mallory = make_user(first_name=ADVERT, email=VICTIM)
    with transaction():
        signals.account_closing.send(mallory)
    (mail,) = mails()
    assert not [word for word in SPAM if word in str(render_mail(mail))]
