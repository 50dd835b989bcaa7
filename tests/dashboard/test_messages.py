"""Writing to the people of an event: to whom, a look, a test, sending, and what became of it."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from evently.accounts.models import User
from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import EVENT_MESSAGE, FAILED, QUEUED, Mail, Message
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.harness.visitor import Visitor

# What pages say does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
WORDS = {"subject": "Doors at seven", "body": "Bring a coat.\n\nThe hall is cold."}


@pytest.fixture
def event(mira: User) -> Event:
    with transaction():
        mira.email_confirmed_at = utc_now()
    event = make_event(by=mira, name="Organ night")
    for name in ("Ada", "Bo"):
        make_booking(event=event, user=make_user(first_name=name, last_name="Quill"), tickets=2)
    gone = make_user()
    cancel_booking(by=gone, booking_id=make_booking(event=event, user=gone).id)
    return event


@pytest.fixture
def address(event: Event) -> str:
    return f"/dashboard/events/{event.id}/messages"


def mails(**values) -> list[Mail]:
    return list(db.session.scalars(select(Mail).filter_by(kind=EVENT_MESSAGE, **values).order_by(Mail.id)))


def test_the_audience_is_counted_as_it_is_chosen(desk: Visitor, address: str):
    for audience, count in (("everyone", "2 people"), ("cancelled", "1 person"), ("checked_in", "0 people"), ("nonsense", "2 people")):
        fragment = desk.get(f"{address}/audience?audience={audience}", htmx=True).text
        assert fragment.strip().startswith('<p id="message-audience"')
        assert f"<strong>{count}</strong>" in fragment
        # The same for who has no script, on a whole page.
        assert f"<strong>{count}</strong>" in desk.get(f"{address}?audience={audience}").text


def test_ticked_people_are_written_to(desk: Visitor, event: Event, address: str):
    booking = make_booking(event=event, user=make_user(first_name="Cy"))
    # As the form around the list of attendees sends it.
    chosen = f"{address}?audience=chosen&state=confirmed&booking={booking.id}"
    page = desk.get(chosen).text
    assert 'value="chosen" checked' in page
    assert "<strong>1 person</strong>" in page
    fields = MultiDict([("csrf_token", desk.token(address)), ("booking", str(booking.id)), ("audience", "chosen"), *WORDS.items()])
    look = desk.client.post(f"{address}/preview", data=fields).text
    assert "Send to 1 person" in look
    assert look.count(f'name="booking" value="{booking.id}"') == 3
    sent = desk.client.post(address, data=fields)
    assert (sent.status_code, [mail.user_id for mail in mails()]) == (303, [booking.user_id])
    # Nobody is written to whom nobody has ticked.
    assert "Nobody was ticked." in desk.get(f"{address}?audience=chosen").text
    assert "is no audience" in desk.get(f"{address}?audience=chosen&all=1&q=Ada").text
    assert 'value="confirmed" checked' in desk.get(f"{address}?audience=chosen&all=1&state=confirmed").text
    fields.poplist("booking")
    assert desk.client.post(address, data=fields).status_code == 422


@pytest.mark.parametrize("htmx", [False, True])
def test_a_look_shows_the_mail_and_sends_nothing(desk: Visitor, address: str, htmx: bool):
    page = desk.submit(address, WORDS, action=f"{address}/preview", htmx=htmx)
    assert page.status_code == 200
    assert ('<section class="stack" id="message-preview"' in page.text[:200]) == htmx
    assert "<h3>Doors at seven</h3>" in page.text
    assert "The hall is cold." in page.text
    # The test comes first.
    assert page.text.index("Send a test to") < page.text.index("Send to 2 people")
    assert mails() == []
    frame = desk.get(f"{address}/preview")
    assert "The hall is cold." in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("fields", "problem"), [({"body": " "}, "Write something first."), ({"body": "x" * 5001}, "at most 5,000")])
def test_what_is_missing_is_said(desk: Visitor, address: str, fields: dict[str, str], problem: str):
    for htmx in (False, True):
        answer = desk.submit(address, WORDS | fields, action=f"{address}/preview", htmx=htmx)
        assert (answer.status_code, problem in answer.text, "Send to" in answer.text) == (422, True, False)


def test_the_frame_shows_words_of_this_event_only(desk: Visitor, mira: User, address: str):
    desk.submit(address, WORDS, action=f"{address}/preview")
    other = f"/dashboard/events/{make_event(by=mira).id}/messages"
    assert "The hall is cold." not in desk.get(f"{other}/preview").text


def test_a_test_goes_to_oneself_alone(desk: Visitor, mira: User, address: str):
    answer = desk.client.post(f"{address}/test", data={"csrf_token": desk.token(address), "audience": "everyone", **WORDS})
    assert f"A test is on its way to {mira.email}." in answer.text
    assert [mail.to_address for mail in mails()] == [mira.email]
    assert db.session.scalars(select(Message)).all() == []


def test_what_was_looked_at_is_sent_once(desk: Visitor, address: str, event: Event):
    preview = desk.submit(address, WORDS, action=f"{address}/preview").text
    sending = preview.split('id="message-preview"')[1].split("</form>")[0]
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', sending))
    assert form["body"] == WORDS["body"]
    first, second = (desk.client.post(address, data=form) for _ in range(2))
    assert (first.status_code, first.location) == (303, second.location)
    assert len(mails()) == 2
    page = desk.get(first.location).text
    assert "The message is on its way." in page
    assert "Ada Quill" in page
    assert "of 2 people" in page
    assert "The hall is cold." in page
    assert f'href="{first.location}">Doors at seven</a>' in desk.get(address).text


def test_who_got_it_and_trying_again(desk: Visitor, mira: User, event: Event, address: str):
    message = send_message(by=mira, event_id=event.id, audience="everyone", **WORDS)
    failed, other = mails()
    with transaction():
        failed.status, failed.last_error = FAILED, "550 No such mailbox"
    page = f"{address}/{message.id}"
    assert "550 No such mailbox" in desk.get(f"{page}?state=failed").text
    assert "Bo Quill" not in desk.get(f"{page}?state=failed").text
    answer = desk.submit(page, action=f"{page}/mails/{failed.id}/retry", htmx=True)
    assert answer.text.strip().startswith('<section class="stack" id="message-deliveries"')
    assert f"The mail to {failed.to_address} is on its way again." in answer.text
    assert (failed.status, other.status) == (QUEUED, QUEUED)
    # Under another event's address there is no such message.
    elsewhere = f"/dashboard/events/{make_event(by=mira).id}/messages/{message.id}"
    assert desk.get(elsewhere).status_code == 404


def test_others_neither_read_nor_write(desk_of: Callable[[User], Visitor], mira: User, event: Event, address: str):
    message = send_message(by=mira, event_id=event.id, audience="everyone", **WORDS)
    rival = desk_of(make_organizer())
    for page in (address, f"{address}/audience?audience=everyone", f"{address}/{message.id}"):
        answer = rival.get(page)
        assert (page, answer.status_code, "Doors at seven" in answer.text) == (page, 403, False)
    data = {"csrf_token": rival.token("/account"), "audience": "everyone", **WORDS}
    for action in ("", "/preview", "/test", f"/{message.id}/mails/{mails()[0].id}/retry"):
        assert (action, rival.client.post(f"{address}{action}", data=data).status_code) == (action, 403)
    assert len(mails()) == 2


def test_more_messages_and_readers_need_no_more_statements(
    desk: Visitor, mira: User, event: Event, address: str, statements: Callable[[FlaskClient, str], int]
):
    message = send_message(by=mira, event_id=event.id, audience="everyone", **WORDS)
    few = statements(desk.client, address), statements(desk.client, f"{address}/{message.id}")
    for _ in range(4):
        make_booking(event=event)
        message = send_message(by=mira, event_id=event.id, audience="everyone", **WORDS)
    assert (statements(desk.client, address), statements(desk.client, f"{address}/{message.id}")) == few
    assert max(few) <= 13, few
