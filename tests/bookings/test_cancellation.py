"""Giving tickets back: once, at once, and for good."""

import threading
import uuid

import pytest

from evently.accounts.queries import get_user
from evently.bookings import allocator
from evently.bookings.check_ins import insert_check_ins
from evently.bookings.consistency import check
from evently.bookings.services import cancel_booking
from evently.bookings.signals import bookings_cancelled
from evently.database import transaction
from evently.errors import Conflict, DomainError, NotFound
from evently.events.queries import get_event
from evently.events.services import cancel_event
from tests.factories import decide, in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once


def test_the_tickets_go_back(app):
    booking = make_booking(tickets=3)
    cancel_booking(by=booking.user, booking_id=booking.id)
    cancelled = reload(booking)
    assert (cancelled.status, cancelled.event.reserved_tickets) == ("cancelled", 0)
    assert cancelled.cancelled_at >= cancelled.decided_at


def test_only_once(app):
    event = make_event()
    kept, given_back = make_booking(event=event, tickets=2), make_booking(event=event, tickets=3)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    with pytest.raises(Conflict) as refusal:
        cancel_booking(by=given_back.user, booking_id=given_back.id)
    assert refusal.value.code == "already_cancelled"
    assert reload(kept).event.reserved_tickets == 2


def test_only_once_also_when_asked_many_times_at_once(app):
    event = make_event()
    make_booking(event=event, tickets=2)
    booking = make_booking(event=event, tickets=3)
    user_id, booking_id = booking.user_id, booking.id

    def cancel() -> str:
        return cancel_booking(by=get_user(user_id), booking_id=booking_id).status

    results = at_once(app, [cancel] * 8)
    assert results.count("cancelled") == 1
    assert {result.code for result in results if isinstance(result, DomainError)} == {"already_cancelled"}
    assert event.reserved_tickets == 2


def test_a_booking_cancelled_in_the_queue_is_never_confirmed(app):
    event = make_event(capacity=1)
    given_up, behind = make_booking(event=event, decided=False), make_booking(event=event, decided=False)
    cancel_booking(by=given_up.user, booking_id=given_up.id)
    decide(event)
    assert (reload(given_up).status, reload(given_up).decided_at) == ("cancelled", None)
    assert reload(behind).status == "confirmed"
    assert event.reserved_tickets == 1


def test_cancelling_and_deciding_at_once_always_end_in_order(app):

    event = make_event(capacity=8)
    bookings = [make_booking(event=event, tickets=1, decided=False) for _ in range(12)]
    asked = [(booking.user_id, booking.id) for booking in bookings[:6]]
    event_id = event.id
    calls = [lambda pair=pair: cancel_booking(by=get_user(pair[0]), booking_id=pair[1]) for pair in asked]
    calls.insert(3, lambda: allocator.process_queue(event_id))
    at_once(app, calls)
    decide(event)
    assert [reload(booking).status for booking in bookings[:6]] == ["cancelled"] * 6
    assert list(check()) == []


def test_a_failed_booking_cannot_be_given_back(app):
    event = make_event(capacity=1)
    failed = [make_booking(event=event, decided=False) for _ in range(2)][1]
    decide(event)
    with pytest.raises(Conflict) as refusal:
        cancel_booking(by=failed.user, booking_id=failed.id)
    assert refusal.value.code == "booking_failed"
    assert reload(failed).status == "failed"


@pytest.mark.parametrize("change", [{"cancellation_deadline": in_days(-1)}, {"time": in_days(-1)}], ids=["deadline", "start"])
def test_too_late(app, change):
    booking = make_booking()
    with transaction():
        for name, value in change.items():
            setattr(booking.event, name, value)
    with pytest.raises(Conflict) as refusal:
        cancel_booking(by=booking.user, booking_id=booking.id)
    assert refusal.value.code == "too_late_to_cancel"
    assert reload(booking).event.reserved_tickets == 1


def test_before_the_deadline(app):
    booking = make_booking(event=make_event(cancellation_deadline=in_days(1)))
    cancel_booking(by=booking.user, booking_id=booking.id)
    assert reload(booking).status == "cancelled"


def test_bookings_of_others_are_not_found(app):
    booking = make_booking()
    for stranger in (make_user(), make_organizer()):
        with pytest.raises(NotFound):
            cancel_booking(by=stranger, booking_id=booking.id)
    assert reload(booking).status == "confirmed"


def test_no_booking_is_not_found(app):
    with pytest.raises(NotFound):
        cancel_booking(by=make_user(), booking_id=uuid.uuid4())


def test_organizers_and_staff_may(app):
    organizer = make_organizer()
    for by in (organizer, make_staff()):
        booking = make_booking(event=make_event(by=organizer))
        cancel_booking(by=by, booking_id=booking.id)
        assert reload(booking).status == "cancelled"


def test_an_event_takes_its_bookings_along(app):
    organizer = make_organizer()
    event, other = make_event(by=organizer, capacity=3), make_booking()
    confirmed = make_booking(event=event, tickets=2)
    waiting, too_large = make_booking(event=event, decided=False), make_booking(event=event, decided=False)
    with transaction():
        too_large.status, too_large.failure_code, too_large.decided_at = "failed", "sold_out", too_large.booking_date
    told: list[list[uuid.UUID]] = []
    with bookings_cancelled.connected_to(lambda ids, **_: told.append(ids)):
        cancel_event(by=organizer, event_id=event.id)
    assert [reload(booking).status for booking in (confirmed, waiting, too_large, other)] == [
        "cancelled",
        "cancelled",
        "failed",
        "confirmed",
    ]
    assert event.reserved_tickets == 0
    assert [set(ids) for ids in told] == [{confirmed.id, waiting.id}]
    decide(event)
    assert reload(waiting).status == "cancelled"
    assert list(check()) == []


def test_an_event_cannot_be_cancelled_twice_even_by_two_who_read_it_before(app):
    organizer = make_organizer()
    event_id, organizer_id = make_event(by=organizer).id, organizer.id
    told: list[object] = []

    everybody_has_read = threading.Barrier(4)

    def cancel() -> str:
        event = get_event(event_id)
        everybody_has_read.wait(timeout=30)
        return cancel_event(by=get_user(organizer_id), event_id=event.id).status

    with bookings_cancelled.connected_to(lambda ids, **_: told.append(ids)):
        results = at_once(app, [cancel] * 4)
    assert results.count("cancelled") == 1
    assert {result.code for result in results if isinstance(result, DomainError)} == {"event_cancelled"}
    assert len(told) == 1


def test_whoever_has_come_in_keeps_the_tickets(app):
    booking = make_booking(tickets=2)
    with transaction():
        insert_check_ins(event_id=booking.event_id, seats=[(booking.seq, 2)], by_id=booking.event.organizer_id)
    with pytest.raises(Conflict, match="come in") as refusal:
        cancel_booking(by=booking.user, booking_id=booking.id)
    assert (refusal.value.code, reload(booking).status) == ("already_admitted", "confirmed")
