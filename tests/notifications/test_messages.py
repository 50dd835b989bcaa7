"""What organizers write to many people: who gets it, what it says, who may do it, and what became of it."""

import uuid

import pytest

from evently.accounts.account_deletion import anonymize
from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.errors import Invalid, NotAllowed, NotFound
from evently.notifications.letters import compose
from evently.notifications.messages import count_audience, preview_message, send_message, send_test
from evently.notifications.models import EVENT_MESSAGE, NO_ADDRESS
from evently.notifications.queries import list_deliveries, list_messages, summarize_recipients
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_user
from tests.notifications.outbox_helpers import deliver, mails, statements

WORDS = {"subject": "Doors at seven", "body": "Come early.\n\nThe <b>bar</b> is open."}


def write(event, *, by=None, audience="confirmed", **words):
    return send_message(by=by or event.organizer, event_id=event.id, audience=audience, **(words or WORDS))


def messages():
    return [mail for mail in mails() if mail.kind == EVENT_MESSAGE]


def test_each_person_with_tickets_gets_one_mail(open_office):
    event, mira, other = make_event(capacity=20), make_user(), make_user()
    for user in (mira, mira, other):
        make_booking(user=user, event=event)
    make_booking(user=make_user(), event=event, tickets=10, decided=False)
    make_booking()
    told = summarize_recipients(write(event))
    assert (told.event_id, len(told.mail_ids), told.without_address) == (event.id, 2, 0)
    assert {mail.user_id for mail in messages()} == {mira.id, other.id}
    assert {f"event-message:{mail_id.hex}" for mail_id in told.mail_ids} == {mail.delivery_key for mail in messages()}
    deliver()
    subjects = [message["Subject"] for message in open_office.messages]
    assert subjects.count("Doors at seven") == 2


def test_each_audience(app):
    event, people = make_event(capacity=20), [make_user() for _ in range(3)]
    holder, gone, waiting = people
    make_booking(user=holder, event=event)
    for user in (gone, holder):
        cancel_booking(by=user, booking_id=make_booking(user=user, event=event).id)
    make_booking(user=waiting, event=event, decided=False)
    counts = {name: count_audience(by=event.organizer, event_id=event.id, audience=name).people for name in ("everyone", "confirmed")}
    assert counts == {"everyone": 2, "confirmed": 1}
    for audience, reader in {"confirmed": holder, "waiting": waiting, "cancelled": gone, "not_checked_in": holder}.items():
        message = write(event, audience=audience)
        page = list_deliveries(by=event.organizer, message_id=message.id)
        assert [mail.user_id for mail in page.items] == [reader.id], audience
    assert count_audience(by=event.organizer, event_id=event.id, audience="checked_in").people == 0
    with pytest.raises(Invalid):
        write(event, audience="everybody")


def test_the_people_of_chosen_bookings(app):
    event, people = make_event(capacity=20), [make_user() for _ in range(3)]
    twice, gone, _ = people
    chosen = [make_booking(user=user, event=event) for user in (twice, twice, gone)]
    make_booking(user=people[2], event=event)
    cancel_booking(by=gone, booking_id=chosen[2].id)
    # Of another event.
    ids = [booking.id for booking in (*chosen, make_booking())]
    assert count_audience(by=event.organizer, event_id=event.id, audience="chosen", booking_ids=ids).people == 2
    message = send_message(by=event.organizer, event_id=event.id, audience="chosen", booking_ids=ids, **WORDS)
    page = list_deliveries(by=event.organizer, message_id=message.id)
    assert [(mail.user_id, mail.booking_id) for mail in page.items] == [(twice.id, ids[1]), (gone.id, ids[2])]
    for wrong in ((), ids * 300):
        with pytest.raises(Invalid) as refusal:
            send_message(by=event.organizer, event_id=event.id, audience="chosen", booking_ids=wrong, **WORDS)
        assert list(refusal.value.fields) == ["booking_ids"]


def test_a_message_takes_as_many_statements_to_any_number(app):
    event = make_event(capacity=60)
    counts = []
    for size in (1, 40):
        for _ in range(size):
            make_booking(event=event)
        with statements() as told:
            write(event)
        counts.append(len(told))
    assert counts[0] == counts[1], counts


def test_people_without_an_address_are_counted(app):
    event, mira = make_event(), make_user()
    make_booking(user=mira, event=event)
    make_booking(user=make_user(), event=event)
    with transaction():
        mira.email = ""
    audience = count_audience(by=make_staff(), event_id=event.id, audience="confirmed")
    assert (audience.people, audience.reachable, audience.without_address) == (2, 1, 1)
    message = write(event)
    told = summarize_recipients(message)
    assert (len(told.mail_ids), told.without_address) == (1, 1)
    (mail,) = list_deliveries(by=event.organizer, message_id=message.id, status="suppressed").items
    assert (mail.user_id, mail.last_error) == (mira.id, NO_ADDRESS)


def test_what_became_of_them(open_office):
    event = make_event()
    readers = [make_booking(event=event).user for _ in range(3)]
    deliver()
    open_office.answers[readers[0].email] = ["550 No such user"]
    open_office.answers[readers[1].email] = ["451 Later"]
    write(event)
    deliver()
    (sent,) = list_messages(by=event.organizer, event_id=event.id).items
    assert sent.message.sender.id == event.organizer.id
    assert sent.states == {"queued": 1, "sending": 0, "sent": 1, "failed": 1, "suppressed": 0}
    assert (sent.people, sent.waiting) == (3, 1)


def test_the_same_message_again_writes_nothing_more(app):
    event, message_id = make_event(), uuid.uuid4()
    make_booking(event=event)
    first, again = (
        send_message(by=event.organizer, event_id=event.id, audience="confirmed", message_id=message_id, **WORDS) for _ in range(2)
    )
    assert first.id == again.id
    assert len(messages()) == 1
    write(event)
    assert len(messages()) == 2


def test_nobody_with_tickets_is_nobody_told(app):
    event = make_event()
    assert summarize_recipients(write(event)).mail_ids == []


def test_people_who_left_are_not_written_to(app):
    event = make_event()
    booking = make_booking(event=event)
    anonymize([booking.user])
    for audience in ("everyone", "cancelled"):
        assert summarize_recipients(write(event, audience=audience)).mail_ids == []


def test_what_the_mail_says(app):
    event = make_event(name="Nachtkonzert")
    booking = make_booking(event=event)
    write(event)
    (mail,) = messages()
    rendered = render_mail(mail)
    assert rendered.subject == "Doors at seven"
    assert "Come early.\n\nThe <b>bar</b> is open.\n" in rendered.text
    assert "Come early.<br><br>The &lt;b&gt;bar&lt;/b&gt; is open.<br>" in rendered.html
    assert f"/bookings/{booking.id}" in rendered.text


def test_a_look_at_it_and_a_test_to_oneself_write_to_nobody_else(app):
    event = make_event(name="Nachtkonzert", by=make_organizer(email_confirmed_at=utc_now()))
    make_booking(event=event)
    preview = preview_message(by=event.organizer, event_id=event.id, **WORDS)
    assert preview.subject == "Test: Doors at seven"
    assert "Come early.<br>" in preview.html
    assert messages() == []
    send_test(by=event.organizer, event_id=event.id, **WORDS)
    (mail,) = messages()
    assert (mail.to_address, mail.message) == (event.organizer.email, None)
    assert render_mail(mail).text == preview.text
    assert list_messages(by=event.organizer, event_id=event.id).items == []


def test_without_a_subject_it_is_about_the_event(app):
    event = make_event(name="Nachtkonzert")
    make_booking(event=event)
    write(event, body="Come early.")
    assert render_mail(messages()[0]).subject == "About Nachtkonzert"


def test_a_subject_adds_no_header(app):
    event = make_event()
    make_booking(event=event)
    write(event, body="x", subject="Hello\r\nBcc: all@example.org")
    content = compose(messages()[0]).content
    assert b"Subject: Hello Bcc: all@example.org\r\n" in content
    assert b"\r\nBcc" not in content


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"body": " \n"}, "body"),
        ({"body": "x" * 5001}, "body"),
        ({"body": "a\0"}, "body"),
        ({"subject": "x" * 201}, "subject"),
    ],
)
def test_words_that_cannot_be_sent(app, words, field):
    event = make_event()
    with pytest.raises(Invalid) as refusal:
        write(event, **WORDS | words)
    assert list(refusal.value.fields) == [field]


def test_only_those_who_manage_the_event(app):
    event = make_event()
    message = write(event)
    for by in (make_user(), make_organizer()):
        with pytest.raises(NotAllowed):
            write(event, by=by)
        for ask in (count_audience, list_messages, preview_message, send_test):
            words = {"audience": "everyone"} if ask is count_audience else {} if ask is list_messages else WORDS
            with pytest.raises(NotAllowed):
                ask(by=by, event_id=event.id, **words)
        with pytest.raises(NotAllowed):
            list_deliveries(by=by, message_id=message.id)
    with pytest.raises(NotFound):
        send_message(by=make_staff(), event_id=uuid.uuid4(), audience="confirmed", **WORDS)
