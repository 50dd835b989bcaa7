"""One click and no more reminders or messages; tickets still come."""

import re

import pytest

from evently.accounts.account_deletion import anonymize
from evently.notifications.messages import send_message
from tests.factories import make_booking, make_event
from tests.notifications.outbox_helpers import deliver, mails

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def letter(open_office):
    """An organizer's message as it arrived."""
    event = make_event()
    make_booking(event=event)
    deliver()
    send_message(by=event.organizer, event_id=event.id, audience="confirmed", body="Hello")
    deliver()
    return open_office.messages[-1]


def address(letter):
    return re.fullmatch(r"<http://[^/]+(/\S+)>", letter["List-Unsubscribe"])[1]


def newest(event):
    send_message(by=event.organizer, event_id=event.id, audience="confirmed", body="And another")
    return mails()[-1]


def test_one_click_in_a_mail_program_needs_no_page(client, letter):
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    event = mails()[-1].event
    assert client.get(address(letter)).status_code == 200
    assert newest(event).status == "queued"
    response = client.post(address(letter), data={"List-Unsubscribe": "One-Click"})
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert newest(event).status == "suppressed"
    # Messages of others, and mails about one's own tickets, still come.
    other = make_booking(user=mails()[-1].user)
    assert mails()[-1].status == "queued"
    assert newest(other.event).status == "queued"


def test_on_the_page_one_unsubscribes_and_comes_back(visitor, letter):
    event = mails()[-1].event
    path = address(letter)
    page = visitor.client.get(path)
    assert f"No more messages of {event.organizer.full_name}?" in page.text
    assert "Unsubscribed" in visitor.submit(path).text
    assert newest(event).status == "suppressed"
    assert "No more messages" in visitor.submit(path).text
    assert newest(event).status == "queued"


def test_nobody_unsubscribes_somebody_else(client, letter):
    path = address(letter)
    user_id, rest = path.rpartition("/")[2].split(".", 1)
    forged = [f"{int(user_id) + 1}.{rest}", f"{user_id}.{rest[:-1]}", "nonsense", f"{user_id}.messages-1.x"]
    assert {client.post(f"/unsubscribe/{token}").status_code for token in forged} == {404}
    anonymize([mails()[-1].user])
    assert client.get(path).status_code == 404


def test_the_link_stands_in_the_mail_too(letter):
    for kind in ("plain", "html"):
        assert address(letter) in letter.get_body((kind,)).get_content()
