"""E-mails that organizers cause have a budget per organizer and day."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from evently.database import transaction, utc_now
from evently.errors import TooManyRequests
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from evently.notifications.letters import compose
from evently.notifications.messages import send_message
from evently.notifications.rendering import render_mail
from tests.abuse.mail import ADVERT, SPAM, limit
from tests.factories import auth, decide, log_in, make_booking, make_event, make_organizer
from tests.harness.site import fresh
from tests.harness.visitor import Visitor
from tests.notifications.outbox_helpers import mails

__all__ = ["limit"]
# The budgets hold without the limits on requests.
pytestmark = pytest.mark.usefixtures("no_limits")


def test_an_organizer_writes_to_a_number_of_strangers_a_day(app: Flask, limit: Callable[..., None]):
    limit(guests="6 per hour")
    event = make_event(capacity=100)
    visitor = Visitor(log_in(app.test_client(), event.organizer))
    address = f"/dashboard/events/{event.id}/attendees/new"
    answers = []
    for number in range(8):
        guest = f"stranger{number}@example.org"
        fields = {"email": guest, "first_name": ADVERT, "last_name": "www.spam.example", "tickets": "1"}
        answers.append(visitor.client.post(address, data={"csrf_token": visitor.token(address), **fields}))
    assert [answer.status_code for answer in answers] == [303] * 6 + [429] * 2
    assert "You added many bookings in a short time" in answers[-1].text
    decide(event)
    texts = [compose(mail).content.decode() + str(render_mail(mail)) for mail in mails()]
    assert len(texts) == 6
    assert not [word for text in texts for word in SPAM if word in text]


def test_messages_go_out_within_the_organizers_budget(app: Flask, client: FlaskClient, limit: Callable[..., None]):
    limit(organizer="5 per day")
    event = make_event(capacity=10)
    for _ in range(3):
        make_booking(event=event)
    # Of the same organizer, so that another event is no other budget.
    other = make_event(by=event.organizer)
    for _ in range(3):
        make_booking(event=other)
    send_message(by=event.organizer, event_id=event.id, audience="confirmed", body="Doors at seven.")
    before = len(mails())
    with pytest.raises(TooManyRequests, match="This sends 3 e-mails, and 2 more can be sent today"):
        send_message(by=event.organizer, event_id=other.id, audience="confirmed", body="Doors at eight.")
    answer = client.post(f"/api/admin/events/{other.id}/notify/", json={"subject": "", "message": "Now!"}, headers=auth(event.organizer))
    assert (answer.status_code, answer.headers["Retry-After"].isdigit()) == (429, True)
    visitor = Visitor(log_in(app.test_client(), event.organizer))
    page = f"/dashboard/events/{other.id}/messages"
    answer = visitor.client.post(page, data={"csrf_token": visitor.token(page), "audience": "everyone", "body": "Now or never!"})
    assert (answer.status_code, "2 more can be sent today" in answer.text, "Now or never!" in answer.text) == (429, True, True)
    assert len(mails()) == before


def test_changes_that_must_be_told_are_within_it(app: Flask, limit: Callable[..., None]):
    limit(organizer="3 per day")
    event = make_event()
    for _ in range(2):
        make_booking(event=event)
    update_event(by=event.organizer, event_id=event.id, fields={"venue": "New hall"})
    with pytest.raises(TooManyRequests, match="Change the time or place later"):
        update_event(by=event.organizer, event_id=event.id, fields={"venue": "Newer hall"})
    fresh()
    assert db.session.get(type(event), event.id).venue == "New hall"
    # What needs no e-mail is changed all the same.
    update_event(by=event.organizer, event_id=event.id, fields={"summary": "With organ"})


def test_an_event_is_cancelled_in_any_case_but_with_words_within_it(app: Flask, limit: Callable[..., None]):
    limit(organizer="1 per day")
    event = make_event()
    for _ in range(2):
        make_booking(event=event)
    visitor = Visitor(log_in(app.test_client(), event.organizer))
    address = f"/dashboard/events/{event.id}/cancellation"
    answer = visitor.submit(address, {"cancellation_note": "Buy our records!"})
    assert (answer.status_code, "Cancel the event without a message" in answer.text) == (429, True)
    assert [mail for mail in mails() if mail.kind == "event_cancelled"] == []
    cancel_event(by=event.organizer, event_id=event.id)
    assert len([mail for mail in mails() if mail.kind == "event_cancelled"]) == 2


def test_a_test_goes_to_a_confirmed_address_only(app: Flask, limit: Callable[..., None]):
    limit(sender="2 per hour")
    organizer = make_organizer(email_confirmed_at=None)
    event = make_event(by=organizer)
    visitor = Visitor(log_in(app.test_client(), organizer))
    address = f"/dashboard/events/{event.id}/messages"
    words = {"audience": "everyone", "body": ADVERT}

    def send() -> Any:
        return visitor.client.post(f"{address}/test", data={"csrf_token": visitor.token(address), **words})

    answer = send()
    assert (answer.status_code, "Confirm your e-mail address first" in answer.text) == (422, True)
    preview = visitor.client.post(f"{address}/preview", data={"csrf_token": visitor.token(address), **words}).text
    assert '<a href="/account/address">Confirm your e-mail address</a>' in preview
    assert "Send a test to" not in preview
    assert mails() == []
    with transaction():
        organizer.email_confirmed_at = utc_now()
    assert [send().status_code for _ in range(3)] == [200, 200, 429]
    assert len(mails()) == 2
