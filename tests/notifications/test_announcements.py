import uuid

import pytest

from evently.accounts.leaving import anonymise
from evently.database import transaction
from evently.errors import Invalid, NotAllowed, NotFound
from evently.notifications.announcements import announce
from evently.notifications.messages import compose
from evently.notifications.models import EVENT_MESSAGE
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_user
from tests.notifications.post_office import deliver, mails

WORDS = {"subject": "Doors at seven", "message": "Come early.\n\nThe <b>bar</b> is open."}


def messages():
    return [mail for mail in mails() if mail.kind == EVENT_MESSAGE]


def test_each_person_with_tickets_gets_one_mail(open_office):
    event, mira, other = make_event(capacity=20), make_user(), make_user()
    for user in (mira, mira, other):
        make_booking(user=user, event=event)
    make_booking(user=make_user(), event=event, tickets=10, decided=False)
    make_booking()
    told = announce(by=event.organizer, event_id=event.id, **WORDS)
    assert (told.event_id, len(told.mail_ids), told.without_address) == (event.id, 2, 0)
    assert {mail.user_id for mail in messages()} == {mira.id, other.id}
    assert {f"event-message:{mail_id.hex}" for mail_id in told.mail_ids} == {mail.delivery_key for mail in messages()}
    deliver()
    subjects = [message["Subject"] for message in open_office.messages]
    assert subjects.count("Doors at seven") == 2


def test_people_without_an_address_are_counted(app):
    event, mira = make_event(), make_user()
    make_booking(user=mira, event=event)
    make_booking(user=make_user(), event=event)
    with transaction():
        mira.email = ""
    told = announce(by=make_staff(), event_id=event.id, **WORDS)
    assert (len(told.mail_ids), told.without_address) == (1, 1)


def test_the_same_announcement_again_writes_nothing_more(app):
    event, announcement_id = make_event(), uuid.uuid4()
    make_booking(event=event)
    first, again = (announce(by=event.organizer, event_id=event.id, announcement_id=announcement_id, **WORDS) for _ in range(2))
    assert first == again
    assert len(messages()) == 1
    announce(by=event.organizer, event_id=event.id, **WORDS)
    assert len(messages()) == 2


def test_nobody_with_tickets_is_nobody_told(app):
    event = make_event()
    assert announce(by=event.organizer, event_id=event.id, **WORDS).mail_ids == []


def test_people_who_left_are_not_written_to(app):
    event = make_event()
    booking = make_booking(event=event)
    anonymise([booking.user])
    assert announce(by=event.organizer, event_id=event.id, **WORDS).mail_ids == []


def test_what_the_mail_says(app):
    event = make_event(name="Nachtkonzert")
    booking = make_booking(event=event)
    announce(by=event.organizer, event_id=event.id, **WORDS)
    (mail,) = messages()
    rendered = render_mail(mail)
    assert rendered.subject == "Doors at seven"
    assert "Come early.\n\nThe <b>bar</b> is open.\n" in rendered.text
    assert "Come early.<br><br>The &lt;b&gt;bar&lt;/b&gt; is open.<br>" in rendered.html
    assert f"/bookings/{booking.id}" in rendered.text


def test_without_a_subject_it_is_about_the_event(app):
    event = make_event(name="Nachtkonzert")
    make_booking(event=event)
    announce(by=event.organizer, event_id=event.id, message="Come early.")
    assert render_mail(messages()[0]).subject == "About Nachtkonzert"


def test_a_subject_adds_no_header(app):
    event = make_event()
    make_booking(event=event)
    announce(by=event.organizer, event_id=event.id, message="x", subject="Hello\r\nBcc: all@example.org")
    content = compose(messages()[0]).content
    assert b"Subject: Hello Bcc: all@example.org\r\n" in content
    assert b"\r\nBcc" not in content


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"message": " \n"}, "message"),
        ({"message": "x" * 5001}, "message"),
        ({"message": "a\0"}, "message"),
        ({"subject": "x" * 201}, "subject"),
    ],
)
def test_words_that_cannot_be_sent(app, words, field):
    event = make_event()
    with pytest.raises(Invalid) as refusal:
        announce(by=event.organizer, event_id=event.id, **WORDS | words)
    assert list(refusal.value.fields) == [field]


def test_only_those_who_manage_the_event(app):
    event = make_event()
    for by in (make_user(), make_organizer()):
        with pytest.raises(NotAllowed):
            announce(by=by, event_id=event.id, **WORDS)
    with pytest.raises(NotFound):
        announce(by=make_staff(), event_id=uuid.uuid4(), **WORDS)
