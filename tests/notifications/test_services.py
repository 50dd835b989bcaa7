import subprocess
import sys

import pytest

from evently.bookings.services import cancel_booking
from evently.bookings.signals import bookings_cancelled, bookings_decided
from evently.database import transaction
from evently.events.services import cancel_event
from evently.launch.ports import free_port
from evently.notifications import wakeups
from evently.notifications.bulk_insert import delivery_key
from evently.notifications.models import NO_ADDRESS
from tests.factories import decide, make_booking, make_event, make_user, reload
from tests.harness.parts import ROOT
from tests.notifications.outbox_helpers import mails, only_mail, statements


def told():
    return sorted((mail.kind, mail.to_address, mail.delivery_key) for mail in mails())


def test_everybody_learns_how_their_booking_was_decided(concert, mira):
    late = make_user()
    first = make_booking(user=mira, event=concert, tickets=2, decided=False)
    second = make_booking(user=late, event=concert, tickets=2, decided=False)
    assert told() == []
    decide(concert)
    assert told() == [
        ("booking_confirmed", mira.email, f"booking-confirmed:{first.id.hex}"),
        ("booking_failed", late.email, delivery_key("booking_failed", second.id)),
    ]
    assert {(mail.status, mail.attempts, mail.event_id) for mail in mails()} == {("queued", 0, concert.id)}


def test_cancelling_a_booking_is_told(concert, mira):
    booking = make_booking(user=mira, event=concert)
    cancel_booking(by=mira, booking_id=booking.id)
    assert ("booking_cancelled", mira.email, delivery_key("booking_cancelled", booking.id)) in told()


def test_cancelling_an_event_is_told_once_to_each_person(concert, mira):
    given_back = make_booking(event=concert)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    make_booking(user=mira, event=concert)
    booked, waiting = make_booking(user=mira, event=concert), make_booking(user=make_user(), event=concert, decided=False)
    cancel_event(by=concert.organizer, event_id=concert.id)
    cancelled = [mail.user_id for mail in mails() if mail.kind == "event_cancelled"]
    assert cancelled == [booked.user_id, waiting.user_id]


def test_who_has_no_address_has_a_mail_that_says_so_and_who_is_gone_has_none(concert):
    nameless, gone = make_user(email=""), make_user()
    bookings = [make_booking(user=user, event=concert, decided=False) for user in (nameless, gone)]
    with transaction():
        gone.anonymised_at = gone.created_at
    decide(concert)
    assert [reload(booking).status for booking in bookings] == ["confirmed", "confirmed"]
    mail = only_mail()
    assert (mail.user_id, mail.to_address, mail.status, mail.last_error) == (nameless.id, "", "suppressed", NO_ADDRESS)


def test_what_was_told_is_not_told_again(concert, mira):
    booking = make_booking(user=mira, event=concert)
    cancel_booking(by=mira, booking_id=booking.id)
    before = told()
    with transaction():
        bookings_cancelled.send([booking.id], by_event=False)
    assert told() == before


def test_a_decision_that_is_rolled_back_tells_nobody(concert, mira):
    make_booking(user=mira, event=concert, decided=False)

    def fail(_outcome):
        raise OSError("the disk is full")

    with bookings_decided.connected_to(fail), pytest.raises(OSError, match="the disk is full"):
        decide(concert)
    assert told() == []
    decide(concert)
    assert only_mail().kind == "booking_confirmed"


def test_a_batch_costs_one_statement_whatever_its_size(app):
    event = make_event(capacity=150)
    for size in (1, 100):
        for _ in range(size):
            make_booking(event=event, decided=False)
        with statements() as told:
            decide(event)
        assert len([words for words in told if "mails" in words]) == 1
    assert len(mails()) == 101


def test_wake_ups_within_a_moment_share_a_message(app, monkeypatch):
    sent = []
    monkeypatch.setattr(wakeups, "publish", lambda _task, countdown: sent.append(countdown))
    for _ in range(20):
        wakeups.notify_worker()
    assert sent == [wakeups.DELAY]
    # Whoever shares a message has written before it is read.
    assert wakeups.DELAY > wakeups.WINDOW
    monkeypatch.setattr(wakeups, "_latest", wakeups._latest - wakeups.WINDOW)
    wakeups.notify_worker()
    assert len(sent) == 2


DECIDE = """
import time
from evently import create_app
from evently.bookings.allocator import allocate_batch
from evently.bookings.models import Booking
from evently.extensions import db
with create_app().app_context():
    event_id = db.session.query(Booking.event_id).scalar()
    began = time.perf_counter()
    assert allocate_batch(event_id) == 1
    print(time.perf_counter() - began)
"""


def test_a_broker_that_is_away_costs_no_mail_and_no_time(site, concert, mira):
    make_booking(user=mira, event=concert, decided=False)
    environ = site.process_environ(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    result = subprocess.run([sys.executable, "-c", DECIDE], env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 2
    assert (only_mail().kind, only_mail().status) == ("booking_confirmed", "queued")
