"""Asking for tickets: what is accepted, and what is refused at once with which code."""

import time
import uuid
from decimal import Decimal

import pytest

from evently.accounts.queries import get_user
from evently.bookings import request_locks
from evently.bookings.models import Booking
from evently.bookings.request_locks import user_event_lock
from evently.bookings.services import book_tickets, cancel_booking
from evently.database import transaction, utc_now
from evently.errors import Conflict, DomainError, Invalid, NotFound
from evently.events.services import update_event
from evently.extensions import db
from tests.factories import decide, get_booking, in_days, make_booking, make_event, make_organizer, make_user, reload
from tests.harness.concurrency import at_once


def count_bookings() -> int:
    return db.session.query(Booking).count()


def test_a_booking_is_accepted_and_then_decided(app):
    event, user = make_event(capacity=3, price_per_ticket=Decimal("12.50"), currency="CHF"), make_user()
    booking = book_tickets(user=user, event_id=event.id, tickets=2)
    assert (booking.status, booking.ticket_count, booking.total_amount, booking.currency) == ("processing", 2, Decimal("25.00"), "CHF")
    assert booking.decided_at is None
    assert event.reserved_tickets == 0

    assert decide(event) == 1
    kept = get_booking(booking.id)
    assert (kept.status, kept.failure_code, kept.user_id) == ("confirmed", None, user.id)
    assert kept.decided_at >= kept.booking_date
    assert event.reserved_tickets == 2


def test_the_task_that_will_decide_it_is_known_before_the_answer(app):
    booking = book_tickets(user=make_user(), event_id=make_event().id, tickets=1)
    assert booking.task_id
    assert reload(booking).task_id == booking.task_id


REFUSALS = {
    "no ticket": ({}, 0, Invalid, "too_many_tickets"),
    "minus one ticket": ({}, -1, Invalid, "too_many_tickets"),
    "more than the site allows": ({"capacity": 50}, 11, Invalid, "too_many_tickets"),
    "more than the event allows": ({"max_tickets_per_booking": 2}, 3, Invalid, "too_many_tickets"),
    "more than a person may have": ({"max_tickets_per_user": 2}, 3, Invalid, "over_user_limit"),
    "more than are left": ({"capacity": 2}, 3, Conflict, "not_enough_seats"),
    "of a cancelled event": ({"status": "cancelled"}, 1, Conflict, "event_not_available"),
    "of an event that has begun": ({"time": in_days(-0.01)}, 1, Conflict, "event_started"),
    "before the sale": ({"sales_start": in_days(1)}, 1, Conflict, "sales_not_started"),
    "after the sale": ({"sales_end": in_days(-1)}, 1, Conflict, "sales_ended"),
    "of a draft": ({"status": "draft"}, 1, NotFound, "not_found"),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_what_cannot_succeed_is_refused_at_once(app, reason):
    fields, tickets, error, code = REFUSALS[reason]
    event = make_event(**fields)
    with pytest.raises(error) as refusal:
        book_tickets(user=make_user(), event_id=event.id, tickets=tickets)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")
    assert count_bookings() == 0


def test_a_sold_out_event_is_refused(app):
    event = make_event(capacity=1)
    make_booking(event=event)
    with pytest.raises(Conflict) as refusal:
        book_tickets(user=make_user(), event_id=event.id, tickets=1)
    assert refusal.value.code == "sold_out"


def test_an_unknown_event_is_not_found(app):
    with pytest.raises(NotFound):
        book_tickets(user=make_user(), event_id=uuid.uuid4(), tickets=1)


def test_an_archived_event_is_not_found(app):
    event = make_event()
    with transaction():
        event.archived_at = utc_now()
    with pytest.raises(NotFound):
        book_tickets(user=make_user(), event_id=event.id, tickets=1)


def test_the_largest_bookings_that_are_allowed(app):
    event = make_event(capacity=50, max_tickets_per_user=13)
    user = make_user()
    assert make_booking(user=user, event=event, tickets=10).status == "confirmed"
    assert make_booking(user=user, event=event, tickets=3).status == "confirmed"


def test_what_waits_counts_against_a_persons_limit(app):
    event, user = make_event(max_tickets_per_user=3), make_user()
    make_booking(user=user, event=event, tickets=2, decided=False)
    with pytest.raises(Invalid) as refusal:
        book_tickets(user=user, event_id=event.id, tickets=2)
    assert refusal.value.code == "over_user_limit"
    assert "tickets" in refusal.value.fields
    make_booking(user=make_user(), event=event, tickets=2)


def test_what_failed_or_was_given_back_does_not(app):

    event, user = make_event(max_tickets_per_user=3, capacity=10), make_user()
    booking = make_booking(user=user, event=event, tickets=3)
    cancel_booking(by=user, booking_id=booking.id)
    assert make_booking(user=user, event=event, tickets=3).status == "confirmed"


def test_the_price_is_that_of_the_moment_of_booking(app):
    organizer = make_organizer()
    event = make_event(by=organizer, price_per_ticket=Decimal(10))
    booking = make_booking(event=event, tickets=2)
    update_event(by=organizer, event_id=event.id, fields={"price_per_ticket": Decimal(99)})
    assert reload(booking).total_amount == Decimal("20.00")


def test_the_same_id_twice_is_one_booking(app):
    event, user, booking_id = make_event(), make_user(), uuid.uuid4()
    first = book_tickets(user=user, event_id=event.id, tickets=2, booking_id=booking_id)
    again = book_tickets(user=user, event_id=event.id, tickets=2, booking_id=booking_id)
    assert (first.id, first.seq) == (again.id, again.seq)
    assert count_bookings() == 1


def test_a_person_books_one_at_a_time(app):
    event, user = make_event(), make_user()
    with user_event_lock(user_id=user.id, event_id=event.id):
        with pytest.raises(Conflict) as refusal:
            book_tickets(user=user, event_id=event.id, tickets=1)
        assert refusal.value.code == "booking_in_progress"
        # Others, and other events, do not wait.
        book_tickets(user=make_user(), event_id=event.id, tickets=1)
        book_tickets(user=user, event_id=make_event().id, tickets=1)
    book_tickets(user=user, event_id=event.id, tickets=1)


def test_a_lock_that_nobody_frees_frees_itself(app, monkeypatch):
    monkeypatch.setattr(request_locks, "TTL_SECONDS", 0.2)
    event, user = make_event(), make_user()
    forgotten = user_event_lock(user_id=user.id, event_id=event.id)
    forgotten.__enter__()
    with pytest.raises(Conflict):
        book_tickets(user=user, event_id=event.id, tickets=1)
    time.sleep(0.25)
    monkeypatch.setattr(request_locks, "TTL_SECONDS", 60)
    with user_event_lock(user_id=user.id, event_id=event.id):
        # Whoever comes back from the dead does not free what is somebody else's by now.
        forgotten.__exit__(None, None, None)
        with pytest.raises(Conflict):
            book_tickets(user=user, event_id=event.id, tickets=1)
    book_tickets(user=user, event_id=event.id, tickets=1)


def test_a_nervous_finger_never_gets_past_the_persons_limit(app):
    event, user = make_event(capacity=100, max_tickets_per_user=2), make_user()
    user_id, event_id = user.id, event.id

    def book() -> Booking:

        return book_tickets(user=get_user(user_id), event_id=event_id, tickets=1)

    results = at_once(app, [book] * 12)
    assert {result.code for result in results if isinstance(result, DomainError)} <= {"booking_in_progress", "over_user_limit"}
    decide(event)
    assert event.reserved_tickets <= 2
    assert event.reserved_tickets == sum(not isinstance(result, DomainError) for result in results)
