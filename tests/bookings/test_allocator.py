"""Deciding: in order of arrival, never more than there is, and the same whatever the batches."""

import uuid
from dataclasses import dataclass
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from evently.accounts.queries import get_user
from evently.bookings import allocator
from evently.bookings.allocator import BatchResult, allocate
from evently.bookings.models import Booking
from evently.bookings.services import book_tickets, cancel_booking
from evently.bookings.signals import bookings_decided
from evently.database import transaction
from evently.events.models import Event
from evently.extensions import db
from tests.factories import decide, in_days, make_booking, make_event, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import apart, fresh


def queue(event: Event, *tickets: int) -> list[Booking]:
    """So many bookings of an event, by different people, in this order, undecided."""
    return [make_booking(event=event, tickets=count, decided=False) for count in tickets]


def states(bookings: list[Booking]) -> list[tuple[str, str | None]]:
    fresh()
    return [(booking.status, booking.failure_code) for booking in bookings]


def test_seats_go_to_those_who_came_first(app):
    event = make_event(capacity=3)
    bookings = queue(event, 1, 1, 1, 1, 1)
    assert [booking.seq for booking in bookings] == sorted(booking.seq for booking in bookings)
    decide(event)
    assert states(bookings) == [("confirmed", None)] * 3 + [("failed", "sold_out")] * 2
    assert event.reserved_tickets == 3


def test_what_does_not_fit_fails_and_a_smaller_one_behind_it_fits(app):
    event = make_event(capacity=5)
    bookings = queue(event, 3, 3, 2, 1)
    decide(event)
    assert [state for state, _ in states(bookings)] == ["confirmed", "failed", "confirmed", "failed"]
    assert event.is_sold_out


def test_a_persons_limit_is_counted_again_under_the_lock(app):
    event, user = make_event(capacity=20), make_user()
    bookings = [make_booking(user=user, event=event, tickets=2, decided=False) for _ in range(3)]
    other = make_booking(event=event, tickets=2, decided=False)
    with transaction():
        event.max_tickets_per_user = 4
    decide(event)
    assert states(bookings) == [("confirmed", None)] * 2 + [("failed", "over_user_limit")]
    assert reload(other).status == "confirmed"


def test_what_is_held_already_counts_in_later_batches(app, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOCATOR_BATCH", 1)
    event, user = make_event(capacity=20), make_user()
    bookings = [make_booking(user=user, event=event, tickets=2, decided=False) for _ in range(3)]
    with transaction():
        event.max_tickets_per_user = 4
    decide(event)
    assert [state for state, _ in states(bookings)] == ["confirmed", "confirmed", "failed"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "cancelled"}, "event_not_available"),
        ({"status": "draft"}, "event_not_available"),
        ({"archived_at": in_days(-1)}, "event_not_available"),
        ({"time": in_days(-1)}, "event_started"),
    ],
    ids=["cancelled", "unpublished", "archived", "past"],
)
def test_an_event_that_is_not_on_any_more_confirms_nobody(app, change, code):
    event = make_event()
    bookings = queue(event, 1, 2)
    with transaction():
        for name, value in change.items():
            setattr(event, name, value)
    decide(event)
    assert states(bookings) == [("failed", code)] * 2
    assert event.reserved_tickets == 0


def test_batches_follow_one_another_until_the_queue_is_empty(app, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOCATOR_BATCH", 3)
    event = make_event(capacity=5)
    bookings = queue(event, *[1] * 8)
    sizes: list[int] = []
    with bookings_decided.connected_to(lambda outcome: sizes.append(outcome.size)):
        assert decide(event) == 8
    assert sizes == [3, 3, 2]
    assert [state for state, _ in states(bookings)] == ["confirmed"] * 5 + ["failed"] * 3


def test_nothing_waits_nothing_happens(app):
    event = make_event()
    assert decide(event) == 0
    assert apart(allocator.process_queue, uuid.uuid4()) == 0


def test_an_allocator_that_may_not_linger_still_looks(app, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOCATOR_LINGER_MS", 0)
    assert make_booking().status == "confirmed"


def test_a_second_allocator_finds_nothing_left(app):
    event = make_event(capacity=30)
    bookings = queue(event, *[2] * 20)
    event_id = event.id
    results = at_once(app, [lambda: allocator.allocate_batch(event_id)] * 4)
    assert sorted(results) == [0, 0, 0, 20]
    assert [state for state, _ in states(bookings)] == ["confirmed"] * 15 + ["failed"] * 5


def test_an_allocator_that_breaks_in_mid_batch_leaves_the_queue_as_it_was(app):
    event = make_event(capacity=2)
    bookings = queue(event, 1, 1, 1)

    def break_down(_outcome: BatchResult) -> None:
        raise ConnectionError("the power went")

    with bookings_decided.connected_to(break_down), pytest.raises(ConnectionError):
        decide(event)
    assert states(bookings) == [("processing", None)] * 3
    assert event.reserved_tickets == 0
    decide(event)
    assert [state for state, _ in states(bookings)] == ["confirmed", "confirmed", "failed"]


def test_everything_decided_tells_its_listeners_once_and_in_order(app):
    event = make_event(capacity=3)
    bookings = queue(event, 2, 2, 1)
    told: list[BatchResult] = []
    with bookings_decided.connected_to(told.append):
        decide(event)
    (outcome,) = told
    assert [waiting.seq for waiting in outcome.confirmed] == [bookings[0].seq, bookings[2].seq]
    assert [(waiting.seq, code) for waiting, code in outcome.failed] == [(bookings[1].seq, "sold_out")]
    assert sum(outcome.taken.values()) == 3


def test_seats_given_back_go_to_whoever_comes_next(app):

    event = make_event(capacity=2)
    first = make_booking(event=event, tickets=2)
    cancel_booking(by=first.user, booking_id=first.id)
    assert make_booking(event=event, tickets=2).status == "confirmed"
    assert event.reserved_tickets == 2


def test_the_time_of_a_decision_is_that_of_its_batch(app):
    event = make_event()
    bookings = queue(event, 1, 1)
    decide(event)
    first, second = (reload(booking).decided_at for booking in bookings)
    assert first == second


def test_bookings_of_other_events_are_left_alone(app):
    one, other = make_event(), make_event()
    waiting = make_booking(event=other, decided=False)
    make_booking(event=one)
    assert reload(waiting).status == "processing"


def test_the_order_is_that_of_arrival_also_for_those_who_came_at_once(app):
    event, people = make_event(capacity=8), [make_user().id for _ in range(16)]
    event_id = event.id

    def book(user_id: int) -> Booking:

        return book_tickets(user=get_user(user_id), event_id=event_id, tickets=1)

    at_once(app, [lambda user_id=user_id: book(user_id) for user_id in people])
    decide(event)
    in_line = db.session.execute(sa.select(Booking.seq, Booking.status).order_by(Booking.seq)).all()
    assert [status for _, status in in_line] == ["confirmed"] * 8 + ["failed"] * 8
    assert all(earlier.seq < later.seq for earlier, later in pairwise(in_line))


@dataclass(frozen=True)
class Request:
    """A booking in the queue, without a database."""

    id: uuid.UUID
    seq: int
    ticket_type_id: uuid.UUID
    user_id: int
    ticket_count: int


KINDS = (uuid.UUID(int=1), uuid.UUID(int=2))
requests = st.builds(Request, st.uuids(), st.integers(), st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 6))


@settings(max_examples=300, deadline=None)
@given(
    queue=st.lists(requests, max_size=40),
    cuts=st.lists(st.integers(0, 40)),
    seats=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    held=st.dictionaries(st.integers(1, 4), st.integers(0, 5)),
    limit=st.none() | st.integers(1, 12),
)
def test_the_result_is_the_same_for_any_split_into_batches(queue, cuts, seats, held, limit):
    free = dict(zip(KINDS, seats, strict=True))
    whole = decided_in_batches([queue], free, held, limit)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(queue)), len(queue)]
    split = decided_in_batches([queue[start:end] for start, end in pairwise(edges)], free, held, limit)
    one_by_one = decided_in_batches([[request] for request in queue], free, held, limit)
    assert whole == split == one_by_one


@settings(max_examples=300, deadline=None)
@given(queue=st.lists(requests, max_size=40), seats=st.tuples(st.integers(0, 40), st.integers(0, 40)), limit=st.none() | st.integers(1, 12))
def test_nothing_is_oversold_and_nothing_that_fits_is_refused(queue, seats, limit):
    free = dict(zip(KINDS, seats, strict=True))
    outcome = allocate(uuid.uuid4(), queue, free=free, limit=limit)
    assert outcome.size == len(queue)
    assert all(outcome.taken.get(kind, 0) <= free[kind] for kind in KINDS)
    for kind in KINDS:
        left = free[kind] - outcome.taken.get(kind, 0)
        too_large = [request for request, code in outcome.failed if code == allocator.SOLD_OUT and request.ticket_type_id == kind]
        assert all(request.ticket_count > left for request in too_large)
    if limit is not None:
        assert all(sum(r.ticket_count for r in outcome.confirmed if r.user_id == user) <= limit for user in range(1, 5))


def test_a_refusal_of_the_event_is_everybodys():
    queue = [Request(uuid.uuid4(), 1, KINDS[0], 1, 1)]
    outcome = allocate(uuid.uuid4(), queue, free={KINDS[0]: 5}, refusal=allocator.STARTED)
    assert outcome.confirmed == []
    assert outcome.failed == [(queue[0], "event_started")]
    assert outcome.taken == {}


def decided_in_batches(
    batches: list[list[Request]], free: dict[uuid.UUID, int], held: dict[int, int], limit: int | None
) -> list[tuple[int, str]]:
    """What became of each request, in order, when each batch starts from what the ones before it left."""
    free, held, results = dict(free), dict(held), {}
    for batch in batches:
        outcome = allocate(uuid.uuid4(), batch, free=free, held=held, limit=limit)
        for request in outcome.confirmed:
            held[request.user_id] = held.get(request.user_id, 0) + request.ticket_count
        free = {kind: seats - outcome.taken.get(kind, 0) for kind, seats in free.items()}
        results |= {id(request): "confirmed" for request in outcome.confirmed} | {id(request): code for request, code in outcome.failed}
    return [(request.seq, results[id(request)]) for batch in batches for request in batch]
