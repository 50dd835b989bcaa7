"""The engine against a plain model of it: whatever people, organizers, allocators and crashes do, in any order."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule, run_state_machine_as_test

from evently.accounts.models import User
from evently.bookings import allocator
from evently.bookings.consistency import check
from evently.bookings.models import Booking
from evently.bookings.services import book_tickets, cancel_booking
from evently.bookings.signals import bookings_decided
from evently.bookings.tasks import sweep
from evently.errors import DomainError
from evently.events.models import Event
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from tests.factories import make_event, make_organizer, make_user
from tests.harness.site import apart, fresh

LIVE = ("processing", "confirmed")


class Crash(Exception):
    pass


@dataclass
class Asked:
    """A booking as the model has it."""

    user: int
    tickets: int
    state: str = "processing"


class Model:
    """The rules in a few lines, without a database, a queue or a lock. Bookings are in order of arrival."""

    def __init__(self, capacity: int, limit: int | None) -> None:
        self.capacity, self.limit, self.is_on = capacity, limit, True
        self.bookings: dict[uuid.UUID, Asked] = {}

    @property
    def taken(self) -> int:
        return sum(asked.tickets for asked in self.bookings.values() if asked.state == "confirmed")

    def held(self, user: int, states: tuple[str, ...]) -> int:
        return sum(asked.tickets for asked in self.bookings.values() if asked.user == user and asked.state in states)

    def refusal(self, user: int, tickets: int) -> str | None:
        if not self.is_on:
            return "event_not_available"
        if self.limit is not None and self.held(user, LIVE) + tickets > self.limit:
            return "over_user_limit"
        if self.capacity == self.taken:
            return "sold_out"
        return "not_enough_seats" if tickets > self.capacity - self.taken else None

    def decide(self, most: int) -> None:
        waiting = [asked for asked in self.bookings.values() if asked.state == "processing"]
        for asked in waiting[:most]:
            is_within_limit = self.limit is None or self.held(asked.user, ("confirmed",)) + asked.tickets <= self.limit
            fits = asked.tickets <= self.capacity - self.taken
            asked.state = "confirmed" if fits and is_within_limit else "failed"

    def cancel_event(self) -> None:
        self.is_on = False
        for asked in self.bookings.values():
            asked.state = "cancelled" if asked.state in LIVE else asked.state


class Engine(RuleBasedStateMachine):
    """Runs within the application context of its test; each run has an event of its own."""

    config: dict[str, Any]
    people: list[User]
    organizer: User

    booked = Bundle("booked")

    @initialize(capacity=st.integers(1, 8), limit=st.none() | st.integers(1, 6))
    def open_sale(self, capacity: int, limit: int | None) -> None:
        fresh()
        self.event: Event = make_event(by=self.organizer, capacity=capacity, max_tickets_per_user=limit)
        self.model = Model(capacity, limit)

    @rule(target=booked, user=st.integers(0, 2), tickets=st.integers(1, 4))
    def book(self, user: int, tickets: int) -> Any:
        fresh()
        refusal = self.model.refusal(user, tickets)
        code, booking = attempt(lambda: book_tickets(user=self.people[user], event_id=self.event.id, tickets=tickets))
        assert code == refusal
        if booking is None:
            return multiple()
        self.model.bookings[booking.id] = Asked(user, tickets)
        return booking.id

    @rule(booking_id=booked)
    def book_again_with_the_same_id(self, booking_id: uuid.UUID) -> None:
        """The answer was lost, and the client tries again."""
        fresh()
        asked = self.model.bookings[booking_id]
        _, booking = attempt(
            lambda: book_tickets(user=self.people[asked.user], event_id=self.event.id, tickets=asked.tickets, booking_id=booking_id)
        )
        assert booking is None or booking.id == booking_id

    @rule(booking_id=booked)
    def cancel(self, booking_id: uuid.UUID) -> None:
        fresh()
        asked = self.model.bookings[booking_id]
        code, _ = attempt(lambda: cancel_booking(by=self.people[asked.user], booking_id=booking_id))
        assert code == {"cancelled": "already_cancelled", "failed": "booking_failed"}.get(asked.state)
        if asked.state in LIVE:
            asked.state = "cancelled"

    @rule(booking_id=booked)
    def a_stranger_may_not_cancel(self, booking_id: uuid.UUID) -> None:
        fresh()
        stranger = self.people[(self.model.bookings[booking_id].user + 1) % 3]
        code, _ = attempt(lambda: cancel_booking(by=stranger, booking_id=booking_id))
        assert code == "not_found"

    @rule(most=st.integers(1, 5))
    def allocate(self, most: int) -> None:
        self.config["ALLOCATOR_BATCH"] = most
        apart(allocator.allocate_batch, self.event.id)
        self.model.decide(most)

    @rule(most=st.integers(1, 5))
    def allocate_and_crash_before_the_commit(self, most: int) -> None:
        self.config["ALLOCATOR_BATCH"] = most
        with bookings_decided.connected_to(crash):
            try:
                apart(allocator.allocate_batch, self.event.id)
            except Crash:
                fresh()

    @rule()
    def sweep(self) -> None:
        """Whatever was left by those who crashed."""
        apart(sweep)
        self.model.decide(len(self.model.bookings))

    @rule(capacity=st.integers(1, 12))
    def change_capacity(self, capacity: int) -> None:
        fresh()
        code, _ = attempt(lambda: update_event(by=self.organizer, event_id=self.event.id, fields={"capacity": capacity}))
        if not self.model.is_on:
            assert code == "event_cancelled"
        elif capacity < self.model.taken:
            assert code == "below_sold"
        else:
            assert code is None
            self.model.capacity = capacity

    @rule(limit=st.integers(1, 6))
    def change_the_limit_of_a_person(self, limit: int) -> None:
        fresh()
        code, _ = attempt(lambda: update_event(by=self.organizer, event_id=self.event.id, fields={"max_tickets_per_user": limit}))
        assert code == (None if self.model.is_on else "event_cancelled")
        if self.model.is_on:
            self.model.limit = limit

    @rule(is_sure=st.integers(0, 9))
    def call_the_event_off(self, is_sure: int) -> None:
        # Rarely, or every run would be a short one.
        if is_sure:
            return
        fresh()
        code, _ = attempt(lambda: cancel_event(by=self.organizer, event_id=self.event.id))
        assert code == (None if self.model.is_on else "event_cancelled")
        self.model.cancel_event()

    @invariant()
    def is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        fresh()
        bookings = db.session.query(Booking).filter_by(event_id=self.event.id).order_by(Booking.seq).all()
        assert {booking.id: booking.status for booking in bookings} == {id_: asked.state for id_, asked in self.model.bookings.items()}
        assert [booking.id for booking in bookings] == list(self.model.bookings)
        assert self.event.reserved_tickets == self.model.taken <= self.event.capacity == self.model.capacity

    def teardown(self) -> None:
        """Nobody is left waiting, and the operator's own check finds nothing."""
        if hasattr(self, "model"):
            apart(allocator.process_queue, self.event.id)
            self.model.decide(len(self.model.bookings))
            self.is_as_the_model_says()
            assert list(check()) == []


def crash(_outcome: object) -> None:
    raise Crash


def attempt(call: Any) -> tuple[str | None, Any]:
    """(code of the refusal, None) or (None, what it gave)."""
    try:
        return None, call()
    except DomainError as error:
        return error.code, None


@pytest.fixture
def engine(app, monkeypatch) -> Iterator[type[Engine]]:
    for name, value in {"ALLOCATOR_LINGER_MS": 0, "ALLOCATOR_BATCH": 1000}.items():
        monkeypatch.setitem(app.config, name, value)

    class EngineOfThisTest(Engine):
        config = app.config
        people = [make_user() for _ in range(3)]  # noqa: RUF012 - shared by the runs of one test, and not changed
        organizer = make_organizer()

    yield EngineOfThisTest
    fresh()


def test_the_engine_does_what_the_model_does(engine):
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        engine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    )
