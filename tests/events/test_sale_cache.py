"""What is remembered of an event that sells well, and what never comes from memory."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from evently.bookings.services import book_tickets
from evently.database import transaction
from evently.errors import Conflict, DomainError
from evently.events import sale_cache
from evently.events.models import Event, TicketStock
from evently.events.services import cancel_event, update_event
from evently.extensions import db
from tests.factories import make_event, make_user
from tests.harness.site import apart, fresh


@pytest.fixture
def rush(app) -> Event:
    """An event with plenty of seats, at 12.50 each, that somebody has just booked."""
    event = make_event(capacity=1000)
    book(event)
    assert sale_cache.get(event.id)
    return event


def book(event, tickets=1):
    return book_tickets(user=make_user(), event_id=event.id, tickets=tickets)


def change_elsewhere(table, event, **values):
    """As another process changes it, of which this one hears nothing."""
    column = Event.id if table is Event else table.event_id
    with transaction() as session:
        session.execute(sa.update(table).where(column == event.id).values(values).execution_options(synchronize_session=False))
    fresh()


def test_in_a_rush_the_event_is_read_once(rush):
    statements = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *heard: statements.append(heard[2]))
    users = [make_user() for _ in range(3)]
    statements.clear()
    for user in users:
        booking = book_tickets(user=user, event_id=rush.id, tickets=1)
        assert (booking.event.name, booking.total_amount) == (rush.name, Decimal("12.50"))
    assert [words for words in statements if words.startswith("SELECT") and "FROM events" in words] == []


def test_a_change_made_here_is_seen_at_once(rush):
    update_event(by=rush.organizer, event_id=rush.id, fields={"price_per_ticket": Decimal(20)})
    assert book(rush).total_amount == Decimal(20)
    cancel_event(by=rush.organizer, event_id=rush.id)
    with pytest.raises(Conflict) as refusal:
        book(rush)
    assert refusal.value.code == "event_not_available"


def test_a_change_made_elsewhere_is_seen_when_a_booking_is_accepted(rush):
    change_elsewhere(Event, rush, name="Another", price_per_ticket=Decimal(20))
    booking = book(rush)
    assert (booking.event.name, booking.total_amount) == ("Another", Decimal(20))


def test_it_is_read_again_after_a_moment(rush, monkeypatch):
    monkeypatch.setattr(sale_cache.time, "monotonic", lambda clock=sale_cache.time.monotonic: clock() + 1.01)
    assert sale_cache.get(rush.id) is None


def test_a_change_that_is_undone_changes_nothing(rush):
    def fail() -> None:
        with transaction() as session:
            session.get_one(Event, rush.id).price_per_ticket = Decimal(20)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        apart(fail)
    assert sale_cache.get(rush.id)
    assert book(rush).total_amount == Decimal("12.50")


def test_nobody_is_refused_from_memory(app):
    event = make_event(capacity=1000, max_tickets_per_booking=2)
    book(event)
    change_elsewhere(Event, event, max_tickets_per_booking=5)
    assert book(event, tickets=5).ticket_count == 5


@pytest.mark.parametrize("left", [0, 1, sale_cache.HIGH_AVAILABILITY - 1])
def test_the_last_seats_are_always_counted(app, left):
    event = make_event(capacity=1000)
    change_elsewhere(TicketStock, event, reserved=1000 - left)
    if left:
        book(event)
    assert sale_cache.get(event.id) is None
    change_elsewhere(TicketStock, event, reserved=1000)
    with pytest.raises(DomainError) as refusal:
        book(event)
    assert refusal.value.code == "sold_out"


def test_what_is_changed_while_it_is_read_is_not_remembered(app):
    event = make_event(capacity=1000)
    organizer = event.organizer
    is_changed = []

    def change(_connection, _cursor, words, *_rest):
        if "FROM events" in words and not is_changed:
            is_changed.append(True)
            apart(lambda: update_event(by=organizer, event_id=event.id, fields={"price_per_ticket": Decimal(20)}))

    sa.event.listen(db.engine, "after_cursor_execute", change)
    try:
        sale_cache.load(event.id)
    finally:
        sa.event.remove(db.engine, "after_cursor_execute", change)
    assert is_changed
    assert sale_cache.get(event.id) is None
    assert book(event).total_amount == Decimal(20)
