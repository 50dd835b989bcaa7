"""The answer to a booking waits a moment for its decision, unless the line is long."""

import threading
import time

import pytest

from evently.bookings import allocator, decision_wait
from evently.bookings.models import Booking
from evently.extensions import db
from tests.factories import PASSWORD, make_booking, make_event, make_user
from tests.harness.concurrency import wait_until
from tests.harness.site import fresh


@pytest.fixture
def patient(app, monkeypatch, visitor):
    """Somebody at a booking form, where an answer waits for as long as it takes."""
    monkeypatch.setitem(app.config, "DECISION_WAIT_MS", 20_000)
    user = make_user()
    visitor.submit("/login", {"username": user.username, "password": PASSWORD})
    return visitor


def book(visitor, event):
    return visitor.submit(f"/events/{event.id}", {"tickets": 1}, action=f"/events/{event.id}/bookings")


def decide_when_somebody_waits(app, event_id):
    def decide():
        with app.app_context():
            wait_until(lambda: allocator.decide_queued(event_id) > 0, what="a booking in line")

    thread = threading.Thread(target=decide)
    thread.start()
    return thread


def test_the_answer_comes_with_the_decision(app, patient):
    event = make_event()
    thread = decide_when_somebody_waits(app, event.id)
    started = time.monotonic()
    book(patient, event)
    assert time.monotonic() - started < 15, "it waited for nothing"
    fresh()
    assert db.session.query(Booking).one().status == "confirmed"
    thread.join()


@pytest.mark.parametrize("reason", ["a long line", "others wait"])
def test_nobody_waits_where_it_would_be_long(app, patient, monkeypatch, reason):
    event = make_event(capacity=100)
    if reason == "a long line":
        monkeypatch.setattr(decision_wait, "MAX_QUEUE_TO_WAIT_FOR", 0)
        make_booking(event=event, decided=False)
    else:
        monkeypatch.setattr(decision_wait, "_slots", threading.BoundedSemaphore(1))
        decision_wait._slots.acquire()
    started = time.monotonic()
    book(patient, event)
    assert time.monotonic() - started < 15
    fresh()
    assert {booking.status for booking in db.session.query(Booking)} == {"processing"}


def test_it_waits_for_no_longer_than_it_is_set(app, patient, monkeypatch):
    monkeypatch.setitem(app.config, "DECISION_WAIT_MS", 50)
    book(patient, make_event())
    assert db.session.query(Booking).one().status == "processing"
