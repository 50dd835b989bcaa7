"""The allocator: decides an event's queue in order of arrival, in batches, under the lock of its stock.

One allocator at a time works on an event; a second one waits for the lock and finds the queue empty. Everything a
decision changes (the bookings, the counter, the mails) is one transaction: a crash leaves all of it or none.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flask import current_app
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from evently.bookings import queries, turns
from evently.bookings.models import CONFIRMED, FAILED, PROCESSING, SEAT_HOLDING, Booking
from evently.bookings.signals import bookings_decided
from evently.database import transaction, utc_now
from evently.events.models import PUBLISHED, Event, TicketStock
from evently.events.services import lock_stock
from evently.extensions import db

# seconds between two looks at an empty queue while an allocator lingers
LOOK_AGAIN = 0.004
# seconds; then others that wait for a thread come first
TURN = 0.5
SOLD_OUT, OVER_LIMIT, NOT_ON_SALE, STARTED = "sold_out", "over_user_limit", "event_not_available", "event_started"


class Waiting(Protocol):
    """A booking in the queue, as far as deciding it goes."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def seq(self) -> int: ...
    @property
    def ticket_type_id(self) -> uuid.UUID: ...
    @property
    def user_id(self) -> int: ...
    @property
    def ticket_count(self) -> int: ...


@dataclass
class Outcome:
    """How one batch was decided, in order of arrival. `taken`: tickets by ticket type."""

    event_id: uuid.UUID
    confirmed: list[Waiting] = field(default_factory=list)
    failed: list[tuple[Waiting, str]] = field(default_factory=list)
    taken: dict[uuid.UUID, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.confirmed) + len(self.failed)


def drain(event_id: uuid.UUID, *, linger: float | None = None, hand_over: Callable[[], bool] = lambda: False) -> int:
    """Decide the event's queue until it is empty and stays so for `linger` seconds; how many were decided.

    One thread of a process does so for an event; for a second one this returns at once. After each `TURN` it calls
    `hand_over`, which may say that another allocator will come, so that a busy event does not keep a thread for ever.
    """
    if linger is None:
        linger = current_app.config["ALLOCATOR_LINGER_MS"] / 1000
    decided = 0
    if not turns.begin(event_id):
        return decided
    try:
        while True:
            count, is_empty = _drain_for_a_turn(event_id, linger)
            decided += count
            if is_empty and turns.end_unless_called(event_id):
                return decided
            if not is_empty:
                # In this order: the other one may come at once.
                turns.end(event_id)
                if hand_over() or not turns.begin(event_id):
                    return decided
    except BaseException:
        turns.end(event_id)
        raise


def _drain_for_a_turn(event_id: uuid.UUID, linger: float) -> tuple[int, bool]:
    """How many were decided, and whether the queue was empty for the lingering time at last."""
    started = last_seen = time.monotonic()
    decided = 0
    while True:
        if queries.is_anybody_waiting(event_id):
            decided += allocate_batch(event_id)
            last_seen = time.monotonic()
            if last_seen - started >= TURN:
                return decided, False
        elif time.monotonic() - last_seen < linger:
            # End the read, or the next look would see the same snapshot.
            db.session.remove()
            time.sleep(LOOK_AGAIN)
        else:
            return decided, True


def decide_waiting(event_id: uuid.UUID) -> int:
    """Decide who waits now, and wait for nobody else; how many were decided."""
    decided, size = 0, current_app.config["ALLOCATOR_BATCH"]
    while (count := allocate_batch(event_id)) == size:
        decided += count
    return decided + count


def allocate_batch(event_id: uuid.UUID) -> int:
    """Decide the oldest bookings in the event's queue, one batch in one transaction; how many were decided."""
    with transaction() as session:
        stock = lock_stock(event_id)
        batch = _oldest_waiting(session, event_id)
        if not batch:
            return 0
        outcome = _decide(session, event_id, stock, batch)
        _record(session, outcome)
        for row in stock:
            row.reserved += outcome.taken.get(row.ticket_type_id, 0)
        session.flush()
        bookings_decided.send(outcome)
    return outcome.size


def walk(
    event_id: uuid.UUID,
    batch: Iterable[Waiting],
    *,
    free: dict[uuid.UUID, int],
    refusal: str | None = None,
    held: dict[int, int] | None = None,
    limit: int | None = None,
) -> Outcome:
    """Decide a batch one by one in the order given.

    A request that does not fit fails, and a smaller one behind it may still fit. `free`: seats by ticket type;
    `refusal`: why nobody may book at all; `held`: tickets that each user has already, against `limit`.
    """
    outcome = Outcome(event_id=event_id)
    free, held = dict(free), dict(held or {})
    for booking in batch:
        tickets, kind, user = booking.ticket_count, booking.ticket_type_id, booking.user_id
        if refusal:
            outcome.failed.append((booking, refusal))
        elif limit is not None and held.get(user, 0) + tickets > limit:
            outcome.failed.append((booking, OVER_LIMIT))
        elif tickets > free.get(kind, 0):
            outcome.failed.append((booking, SOLD_OUT))
        else:
            outcome.confirmed.append(booking)
            free[kind] -= tickets
            held[user] = held.get(user, 0) + tickets
            outcome.taken[kind] = outcome.taken.get(kind, 0) + tickets
    return outcome


def _oldest_waiting(session: Session, event_id: uuid.UUID) -> Sequence[Any]:
    query = (
        select(Booking.id, Booking.seq, Booking.ticket_type_id, Booking.user_id, Booking.ticket_count)
        .where(Booking.event_id == event_id, Booking.status == PROCESSING)
        .order_by(Booking.seq)
        .limit(current_app.config["ALLOCATOR_BATCH"])
    )
    return session.execute(query).all()


def _decide(session: Session, event_id: uuid.UUID, stock: list[TicketStock], batch: Sequence[Any]) -> Outcome:
    facts = (Event.status, Event.time, Event.archived_at, Event.max_tickets_per_user)
    event = session.execute(select(*facts).where(Event.id == event_id)).one()
    refusal = None
    if event.status != PUBLISHED or event.archived_at is not None:
        refusal = NOT_ON_SALE
    elif event.time <= utc_now():
        refusal = STARTED
    limit = event.max_tickets_per_user
    return walk(
        event_id,
        batch,
        free={row.ticket_type_id: row.capacity - row.reserved for row in stock},
        refusal=refusal,
        held=_tickets_held(session, event_id, {row.user_id for row in batch}) if limit else None,
        limit=limit,
    )


def _tickets_held(session: Session, event_id: uuid.UUID, user_ids: set[int]) -> dict[int, int]:
    query = (
        select(Booking.user_id, func.sum(Booking.ticket_count))
        .where(Booking.event_id == event_id, Booking.user_id.in_(user_ids), Booking.status.in_(SEAT_HOLDING))
        .group_by(Booking.user_id)
    )
    return {user_id: int(tickets) for user_id, tickets in session.execute(query)}


def _record(session: Session, outcome: Outcome) -> None:
    by_code: dict[str, list[int]] = {}
    for booking, code in outcome.failed:
        by_code.setdefault(code, []).append(booking.seq)
    now = utc_now()
    _set(session, [booking.seq for booking in outcome.confirmed], status=CONFIRMED, decided_at=now)
    for code, seqs in by_code.items():
        _set(session, seqs, status=FAILED, failure_code=code, decided_at=now)


def _set(session: Session, seqs: list[int], **values: Any) -> None:
    if not seqs:
        return
    statement = update(Booking).where(Booking.seq.in_(seqs), Booking.status == PROCESSING).values(**values)
    result = session.connection().execute(statement)
    # Under the lock nobody else changes a waiting booking; if this ever differs, keep nothing of the batch.
    if result.rowcount != len(seqs):
        raise RuntimeError(f"{result.rowcount} of {len(seqs)} bookings could be decided")
