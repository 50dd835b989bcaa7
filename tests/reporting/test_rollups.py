"""Roll-ups against a recount, whatever people, organizers, allocators and doors do, in any order."""

import contextlib
import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from evently.accounts.account_deletion import anonymize
from evently.bookings import allocator
from evently.bookings.cache_tags import SALES
from evently.bookings.check_ins import insert_check_ins
from evently.bookings.models import CONFIRMED, PROCESSING, Booking, CheckIn
from evently.bookings.services import book_tickets, cancel_booking
from evently.bookings.signals import bookings_decided, check_ins_undone
from evently.database import transaction
from evently.errors import DomainError
from evently.events.models import Event
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from evently.reporting.models import CheckInBucket, EventDay, EventTotal, OrganizerDay
from evently.reporting.rollup_verification import find_mismatches, rebuild
from evently.tagged_cache import get_or_set
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.harness.site import apart, fresh


class Crash(Exception):
    pass


def crash(_outcome: object) -> None:
    raise Crash


class Sales(RuleBasedStateMachine):
    """Two events of one organizer, whose bookings were made on three days."""

    @initialize()
    def open_sale(self) -> None:
        fresh()
        organizer, self.people = make_organizer(), [make_user() for _ in range(3)]
        self.events = [make_event(by=organizer, capacity=9, price_per_ticket=Decimal(price)) for price in ("0.1", "7.35")]

    @rule(person=st.integers(0, 2), event=st.integers(0, 1), tickets=st.integers(1, 4), days_ago=st.integers(0, 2))
    def book(self, person: int, event: int, tickets: int, days_ago: int) -> None:
        try:
            booking = book_tickets(user=self.people[person], event_id=self.events[event].id, tickets=tickets)
        except DomainError:
            return
        with transaction() as session:
            earlier = booking.booking_date - dt.timedelta(days=days_ago)
            session.execute(sa.update(Booking).where(Booking.id == booking.id).values(booking_date=earlier))

    @rule(event=st.integers(0, 1))
    def decide(self, event: int) -> None:
        apart(allocator.allocate_batch, self.events[event].id)

    @rule(event=st.integers(0, 1))
    def crash_before_the_commit(self, event: int) -> None:
        with bookings_decided.connected_to(crash):
            try:
                apart(allocator.allocate_batch, self.events[event].id)
            except Crash:
                fresh()

    @rule(index=st.integers(0, 20))
    def cancel(self, index: int) -> None:
        # Who has come in keeps the booking.
        with contextlib.suppress(DomainError):
            self._cancel(index)

    def _cancel(self, index: int) -> None:
        if booking := self._some(index, PROCESSING, CONFIRMED):
            cancel_booking(by=booking.user, booking_id=booking.id)

    @rule(index=st.integers(0, 20))
    def come_in(self, index: int) -> None:
        booking = self._some(index, CONFIRMED)
        with transaction():
            if booking and not db.session.scalar(sa.select(CheckIn.seat).where(CheckIn.booking_seq == booking.seq)):
                seats = [(booking.seq, seat + 1) for seat in range(booking.ticket_count)]
                insert_check_ins(event_id=booking.event_id, seats=seats, by_id=booking.user_id)

    @rule()
    def go_out(self) -> None:
        with transaction() as session:
            if admission := session.scalars(sa.select(CheckIn).where(CheckIn.event_id.in_([e.id for e in self.events]))).first():
                session.delete(admission)
                session.flush()
                check_ins_undone.send(admission.event_id, moments=[admission.admitted_at])

    @rule(person=st.integers(0, 2), is_sure=st.integers(0, 4))
    def leave(self, person: int, is_sure: int) -> None:
        if not is_sure:
            anonymize([self.people[person]])
            self.people[person] = make_user()

    @rule(event=st.integers(0, 1), is_sure=st.integers(0, 4))
    def call_off(self, event: int, is_sure: int) -> None:
        if not is_sure and db.session.get_one(Event, self.events[event].id).is_active:
            cancel_event(by=self.events[event].organizer, event_id=self.events[event].id)

    @invariant()
    def roll_ups_are_what_counting_gives(self) -> None:
        fresh()
        assert list(find_mismatches()) == []

    def _some(self, index: int, *statuses: str) -> Booking | None:
        fresh()
        of_ours = (Booking.event_id.in_([event.id for event in self.events]), Booking.status.in_(statuses))
        found = db.session.scalars(sa.select(Booking).where(*of_ours).order_by(Booking.seq)).all()
        return found[index % len(found)] if found else None


def test_roll_ups_are_what_counting_gives(app):
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Sales, settings=settings(max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )


def test_what_is_written(app):
    event = make_event(price_per_ticket=Decimal("12.50"))
    bookings = [make_booking(event=event, tickets=tickets) for tickets in (1, 2, 3)]
    cancel_booking(by=bookings[0].user, booking_id=bookings[0].id)
    with transaction():
        insert_check_ins(event_id=event.id, seats=[(bookings[1].seq, 1)], by_id=event.organizer_id)
    total, day = db.session.get_one(EventTotal, event.id), db.session.scalars(sa.select(EventDay)).one()
    assert (total.bookings, total.tickets, total.ever_confirmed, total.admitted) == (2, 5, 3, 1)
    assert (day.bookings, day.tickets, day.cents, day.ever_confirmed) == (2, 5, 6250, 3)
    of_organizer = db.session.scalars(sa.select(OrganizerDay)).one()
    assert (of_organizer.organizer_id, of_organizer.day, of_organizer.cents) == (event.organizer_id, day.day, 6250)
    since = db.session.scalars(sa.select(CheckInBucket)).one().since
    assert (since.minute % 15, since.second, since.microsecond) == (0, 0, 0)


def test_money_taken_before_a_change_of_currency_stays_what_it_was(app):
    event = make_event(price_per_ticket=Decimal(10))
    make_booking(event=event)
    fresh()
    update_event(by=event.organizer, event_id=event.id, fields={"currency": "GBP"})
    make_booking(event=event)
    rows = db.session.scalars(sa.select(EventDay).order_by(EventDay.currency)).all()
    assert [(row.currency, row.cents) for row in rows] == [("EUR", 1000), ("GBP", 1000)]


def test_a_savepoint_that_is_undone_takes_its_figures_along(app):
    event = make_event()
    booking, other = make_booking(event=event), make_booking(event=event)
    with transaction() as session:
        cancel_booking(by=booking.user, booking_id=booking.id)
        with contextlib.suppress(Crash), session.begin_nested():
            cancel_booking(by=other.user, booking_id=other.id)
            raise Crash
    fresh()
    assert list(find_mismatches()) == []
    assert db.session.scalars(sa.select(OrganizerDay)).one().bookings == 1


def test_rebuilding_mends_whatever_is_off_and_throws_away_what_was_kept(app):
    event = make_event()
    make_booking(event=event, tickets=2)
    asked = []

    def figure() -> int:
        asked.append(1)
        return len(asked)

    with transaction() as session:
        session.execute(sa.update(EventDay).values(tickets=7))
        session.execute(sa.delete(OrganizerDay))
    assert get_or_set("figure:of", figure, tags=[SALES], seconds=60) == get_or_set("figure:of", figure, tags=[SALES], seconds=60) == 1
    off = {(drift.table, drift.figure, drift.kept, drift.counted) for drift in find_mismatches()}
    assert ("event_days", "tickets", 7, 2) in off
    assert ("organizer_days", "bookings", 0, 1) in off
    assert rebuild() == 3
    assert list(find_mismatches()) == []
    assert get_or_set("figure:of", figure, tags=[SALES], seconds=60) == 2


def test_the_operators_commands(app):
    event = make_event()
    make_booking(event=event)
    run = app.test_cli_runner().invoke
    assert run(args=["reports", "check"]).output == "Every figure is what counting gives.\n"
    with transaction() as session:
        session.execute(sa.update(EventTotal).values(bookings=4))
    fresh()
    check = run(args=["reports", "check"])
    assert check.exit_code == 1
    assert "bookings 4, counted 1" in check.output
    assert run(args=["reports", "rebuild"]).output == "3 rows written.\n"
    assert run(args=["reports", "check"]).exit_code == 0
