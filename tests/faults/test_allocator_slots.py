"""Who decides when several are woken, and what the sweep finds, as one process sees it."""

import contextvars
import uuid

import pytest
from flask import Flask

from evently.bookings import allocator, allocator_slots
from evently.bookings.allocator import BatchResult
from evently.bookings.signals import bookings_decided
from evently.bookings.tasks import sweep
from tests.factories import decide, make_booking, make_event, reload
from tests.harness.site import apart


def test_whoever_is_woken_second_leaves_the_event_to_the_first(app: Flask) -> None:
    booking = make_booking(decided=False)
    answers = []

    def drain(event_id: uuid.UUID) -> int:
        with app.app_context():
            return allocator.process_queue(event_id)

    def wake_another(outcome: BatchResult) -> None:
        answers.append(contextvars.Context().run(drain, outcome.event_id))

    with bookings_decided.connected_to(wake_another):
        assert decide(booking.event) == 1
    assert answers == [0]
    assert reload(booking).status == "confirmed"


@pytest.mark.usefixtures("app")
def test_whoever_counts_on_an_allocator_is_seen_before_it_goes() -> None:
    event = make_event()
    assert allocator_slots.try_acquire(event.id)
    assert not allocator_slots.try_acquire(event.id)
    assert not allocator_slots.release_if_idle(event.id)
    assert allocator_slots.release_if_idle(event.id)
    assert allocator_slots.try_acquire(event.id), "the next one begins anew"
    allocator_slots.release(event.id)


@pytest.mark.usefixtures("app")
def test_a_batch_that_fails_leaves_the_event_to_the_next_allocator() -> None:
    booking = make_booking(decided=False)
    with bookings_decided.connected_to(_break), pytest.raises(ZeroDivisionError):
        decide(booking.event)
    assert reload(booking).status == "processing"
    assert decide(booking.event) == 1


@pytest.mark.usefixtures("app")
def test_after_a_turn_a_busy_event_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "TIME_SLICE", 0.0)
    event, asked = make_event(), []

    def hand_over() -> bool:
        assert allocator_slots.try_acquire(event.id), "another one may have it"
        allocator_slots.release(event.id)
        if not asked:
            make_booking(event=event, decided=False)
        asked.append(event.id)
        return len(asked) == 2

    make_booking(event=event, decided=False)
    assert allocator.process_queue(event.id, hand_over=hand_over) == 2, "while nobody takes it, the work goes on"
    assert len(asked) == 2


def test_where_many_events_are_sold_nobody_stays_for_one(app: Flask) -> None:
    event, others, asked = make_event(), [uuid.uuid4() for _ in range(app.config["WORKER_CONCURRENCY"] // 2)], []

    def come_back(seconds: float) -> bool:
        asked.append(seconds)
        return len(asked) == 1

    make_booking(event=event, decided=False)
    assert allocator.process_queue(event.id, linger=0.001, come_back=come_back) == 1
    assert asked == [], "half of the threads may wait for more"
    for other in others:
        assert allocator_slots.try_acquire(other)
    try:
        make_booking(event=event, decided=False)
        # Who stayed would do so for an hour.
        assert allocator.process_queue(event.id, linger=3600.0, come_back=come_back) == 1
        assert allocator.process_queue(event.id, linger=0.001, come_back=come_back) == 0, "without a message to come back by, one stays"
        assert asked == [3600.0, 0.001]
    finally:
        for other in others:
            allocator_slots.release(other)


def test_the_sweep_goes_on_after_an_event_that_cannot_be_decided(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    bookings = [make_booking(decided=False) for _ in range(5)]
    broken = bookings[2].event_id

    def break_one(outcome: BatchResult) -> None:
        if outcome.event_id == broken:
            _break(outcome)

    with bookings_decided.connected_to(break_one):
        apart(sweep)
    statuses = {booking.event_id: reload(booking).status for booking in bookings}
    assert statuses.pop(broken) == "processing"
    assert set(statuses.values()) == {"confirmed"}
    assert str(broken) in caplog.text


def _break(_outcome: BatchResult) -> None:
    raise ZeroDivisionError
