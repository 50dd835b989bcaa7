"""Changing an event's capacity while people book."""

import threading

import pytest

from evently.accounts.queries import get_user
from evently.bookings import allocator
from evently.bookings.consistency import check
from evently.errors import Conflict
from evently.events.queries import get_event
from evently.events.services import cancel_event, update_event
from tests.factories import decide, make_booking, make_event, make_organizer, reload
from tests.harness.concurrency import at_once
from tests.harness.site import apart


@pytest.fixture
def organizer(app):
    return make_organizer()


def set_capacity(organizer, event, capacity: int) -> None:
    update_event(by=organizer, event_id=event.id, fields={"capacity": capacity})


def test_more_seats_go_to_those_who_wait(organizer):
    event = make_event(by=organizer, capacity=1)
    bookings = [make_booking(event=event, decided=False) for _ in range(3)]
    set_capacity(organizer, event, 2)
    decide(event)
    assert [reload(booking).status for booking in bookings] == ["confirmed", "confirmed", "failed"]
    assert (event.capacity, event.available_tickets) == (2, 0)


def test_more_seats_can_be_booked_again(organizer):
    event = make_event(by=organizer, capacity=1)
    make_booking(event=event)
    set_capacity(organizer, event, 3)
    assert make_booking(event=event, tickets=2).status == "confirmed"


def test_fewer_seats_are_all_there_is_for_those_who_wait(organizer):
    event = make_event(by=organizer, capacity=5)
    bookings = [make_booking(event=event, tickets=2, decided=False) for _ in range(2)]
    set_capacity(organizer, event, 3)
    decide(event)
    assert [reload(booking).status for booking in bookings] == ["confirmed", "failed"]


def test_never_below_what_is_sold(organizer):
    event = make_event(by=organizer, capacity=5)
    make_booking(event=event, tickets=3)
    with pytest.raises(Conflict, match="3 tickets are already sold") as refusal:
        set_capacity(organizer, event, 2)
    assert refusal.value.code == "below_sold"
    assert "capacity" in refusal.value.fields
    apart(lambda: None)
    assert (event.capacity, event.available_tickets) == (5, 2)
    set_capacity(organizer, event, 3)
    assert event.is_sold_out


def test_changes_and_decisions_at_once_keep_the_count(organizer, app):
    event = make_event(by=organizer, capacity=10)
    for _ in range(10):
        make_booking(event=event, tickets=2, decided=False)
    event_id, organizer_id = event.id, organizer.id

    def change(capacity: int) -> None:
        update_event(by=get_user(organizer_id), event_id=event_id, fields={"capacity": capacity})

    at_once(
        app, [lambda: change(14), lambda: allocator.process_queue(event_id), lambda: change(12), lambda: allocator.process_queue(event_id)]
    )
    decide(event)
    assert list(check()) == []
    assert event.reserved_tickets <= event.capacity


def test_an_event_cancelled_after_it_was_read_is_not_changed(organizer, app):
    event_id, organizer_id = make_event(by=organizer, capacity=10).id, organizer.id
    has_read, is_cancelled = threading.Event(), threading.Event()

    def cancel() -> str:
        has_read.wait(timeout=30)
        status = cancel_event(by=get_user(organizer_id), event_id=event_id).status
        is_cancelled.set()
        return status

    def change() -> None:
        event = get_event(event_id)
        has_read.set()
        is_cancelled.wait(timeout=30)
        update_event(by=get_user(organizer_id), event_id=event.id, fields={"capacity": 20})

    _, refusal = at_once(app, [cancel, change])
    assert isinstance(refusal, Conflict)
    assert refusal.code == "event_cancelled"
    assert get_event(event_id).capacity == 10
