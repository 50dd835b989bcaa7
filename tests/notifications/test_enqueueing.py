"""What is told besides decisions: that one waits, that an event changed, that it is tomorrow, that one is on the staff."""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa

from evently.accounts.services import create_staff
from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from evently.notifications import services
from evently.notifications.models import NO_ADDRESS, UNSUBSCRIBED, Mail
from evently.notifications.queries import count_recipients
from evently.notifications.rendering import render_mail
from evently.notifications.subscriptions import open_token, token_of, unsubscribe
from tests.factories import decide, in_days, log_in, make_booking, make_event, make_superuser, make_user
from tests.notifications.outbox_helpers import change_mails, deliver, mails


def of(kind):
    return [mail for mail in mails() if mail.kind == kind]


def tomorrow(**values):
    """An event that starts within a day, with tickets that were booked before."""
    event = make_event(capacity=20, **values)
    bookings = [make_booking(user=user, event=event) for user in [make_user()] * 2 + [make_user()]]
    with transaction() as session:
        event.time = utc_now() + dt.timedelta(hours=23)
        for booking in bookings:
            session.merge(booking).decided_at = utc_now() - dt.timedelta(days=2)
    return event, bookings


def test_who_waits_is_told_once_that_the_booking_is_received(open_office, mira):
    event = make_event()
    booking = make_booking(user=mira, event=event, tickets=2, decided=False)
    assert services.enqueue_queue_position_mails() == 0
    with transaction() as session:
        session.merge(booking).booking_date = utc_now() - services.QUEUE_MAIL_AFTER
    assert [services.enqueue_queue_position_mails() for _ in range(2)] == [1, 0]
    (mail,) = of("booking_received")
    assert render_mail(mail).subject == f"You are in line for {event.name}"
    decide(event)
    deliver()
    # Nobody hears of a line they have left.
    assert [mail.status for mail in mails()] == ["suppressed", "sent"]


def test_a_changed_event_is_told_once_to_each_person(app, mira):
    event = make_event(capacity=20, venue="Old hall", timezone="Europe/Berlin", time=dt.datetime(2031, 6, 1, 18, tzinfo=dt.UTC))
    gone, nameless = make_booking(event=event), make_booking(event=event, user=make_user(email=""))
    for _ in range(2):
        make_booking(user=mira, event=event)
    waiting = make_booking(event=event, decided=False)
    cancel_booking(by=gone.user, booking_id=gone.id)
    assert count_recipients(event.id) == 2
    update_event(by=event.organizer, event_id=event.id, fields={"venue": "New hall", "time": event.time + dt.timedelta(hours=1)})
    told = {mail.user_id: mail for mail in of("event_changed")}
    assert sorted(told) == sorted([mira.id, nameless.user_id, waiting.user_id])
    assert (told[nameless.user_id].status, told[nameless.user_id].last_error) == ("suppressed", NO_ADDRESS)
    mail = render_mail(told[mira.id])
    assert mail.subject == f"Another time and place: {event.name}, Sun 1 Jun 2031, 21:00 CEST"
    assert "Before    Sunday 1 June 2031, 20:00 CEST, Old hall" in mail.text
    assert "New hall" in mail.html
    update_event(by=event.organizer, event_id=event.id, fields={"capacity": 30})
    assert len(of("event_changed")) == 3
    update_event(by=event.organizer, event_id=event.id, fields={"venue": "Newest hall"})
    assert len(of("event_changed")) == 6


def test_the_day_before_each_person_is_reminded_once(open_office):
    event, bookings = tomorrow(timezone="Asia/Tokyo")
    make_booking(event=event)
    far = make_booking(event=make_event(time=in_days(3)))
    unsubscribe(open_token(token_of_reminder(bookings[2], event)))
    assert [services.enqueue_reminders() for _ in range(2)] == [2, 0]
    reminders = {mail.user_id: mail for mail in of("event_reminder")}
    assert far.user_id not in reminders
    first = reminders[bookings[0].user_id]
    assert (reminders[bookings[2].user_id].status, reminders[bookings[2].user_id].last_error) == ("suppressed", UNSUBSCRIBED)
    rendered = render_mail(first)
    assert rendered.subject.endswith(f": {event.name}")
    assert "you hold 2 tickets" in rendered.text
    assert all(f"/bookings/{booking.id}/tickets" in rendered.text for booking in bookings[:2])
    deliver()
    (sent,) = (message for message in open_office.messages if message["Subject"] == rendered.subject)
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [message["List-Unsubscribe"] for message in open_office.messages if message["Subject"].startswith("Your")] == [None] * 5


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_who_was_reminded_is_not_written_again(app):
    tomorrow()
    assert services.enqueue_reminders() == 2
    numbers = sa.text("SELECT last_value FROM mails_id_seq")
    before = db.session.scalar(numbers)
    assert services.enqueue_reminders() == 0
    assert db.session.scalar(numbers) == before


def token_of_reminder(booking, event):
    mail = Mail(kind="event_reminder", user_id=booking.user_id, booking_id=booking.id, event=event)
    return token_of(mail)


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_nobody_is_reminded_of_what_is_off(open_office):
    switched_off, _ = tomorrow()
    called_off, _ = tomorrow()
    put_off, _ = tomorrow()
    with transaction():
        switched_off.sends_reminders = False
    assert services.enqueue_reminders() == 4
    deliver()
    before = len(open_office.messages)
    assert before == 9 + 4
    cancel_event(by=called_off.organizer, event_id=called_off.id)
    assert services.enqueue_reminders() == 0
    update_event(by=put_off.organizer, event_id=put_off.id, fields={"time": in_days(9)})
    assert services.enqueue_reminders() == 0


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_reminders_that_were_overtaken_are_not_sent(open_office):
    events = [tomorrow()[0] for _ in range(3)]
    deliver()
    services.enqueue_reminders()
    with transaction():
        events[0].status = "cancelled"
        events[1].time = in_days(5)
        events[2].time = utc_now() - dt.timedelta(minutes=1)
    assert deliver() == 0
    assert {mail.last_error.split(" before")[0] for mail in of("event_reminder")} == {
        "The event was cancelled", "The event was put off", "The event began"
    }  # fmt: skip


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_staff_are_welcomed(app):
    user = create_staff(by=make_superuser(), username="usher", password=uuid.uuid4().hex, profile={"email": "usher@example.org"})
    (mail,) = mails()
    assert (mail.kind, mail.user_id) == ("staff_account", user.id)
    rendered = render_mail(mail)
    assert rendered.subject == "Your staff account at the box office"
    assert "Your username is usher" in " ".join(rendered.text.split())
    assert "/confirm" in rendered.text


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "suppressed", "last_error": NO_ADDRESS}, "No mail sent"),
        ({"last_error": "451 Later", "attempts": 1}, "Mail is late"),
        ({"status": "failed", "last_error": "550 No such user"}, "Mail not delivered"),
        ({"status": "sending"}, "Mail on its way"),
    ],
)
def test_the_page_of_a_booking_says_where_its_mail_is(client, mira, state, words):
    booking = make_booking(user=mira)
    change_mails(**state)
    assert words in log_in(client, mira).get(f"/bookings/{booking.id}").text
