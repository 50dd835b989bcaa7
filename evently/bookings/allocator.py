"""The allocator: decides an event's queue in order of arrival, in batches, under the lock of its stock.

One allocator at a time works on an event; a second one waits for the lock and finds the queue empty. Everything a
decision changes (the bookings, the counter, the mails) is one transaction: a crash leaves all of it or none.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from flask import current_app
from sqlalchemy import Connection, Table, bindparam, func, select, update

from evently.bookings import allocator_slots
from evently.bookings.models import CONFIRMED, FAILED, OCCUPYING_STATUSES, PROCESSING, Booking
from evently.bookings.signals import bookings_decided
from evently.database import transaction, utc_now
from evently.events.models import PUBLISHED, Event, TicketStock
from evently.extensions import db
from evently.observability import metrics

log = logging.getLogger(__name__)
# seconds between two looks at an empty queue while an allocator lingers
POLL_INTERVAL = 0.004
# A batch costs as much for one booking as for twenty, and those who sell need the processor too. So after one of several
# bookings the allocator rests this many times as long as it took, at most so many seconds; after one of few, who wait
# for each, only so many.
REST_SECONDS, MAX_REST_SECONDS, MIN_REST_SECONDS = 2.5, 0.03, 0.002
SMALL_BATCH = 8
# seconds; then others that wait for a thread come first
TIME_SLICE = 0.5
# Ask for another allocator at once, or in so many seconds; whether one will come.
Requeue = Callable[[], bool]
RequeueLater = Callable[[float], bool]
SOLD_OUT, OVER_LIMIT, NOT_ON_SALE, STARTED = "sold_out", "over_user_limit", "event_not_available", "event_started"


class QueuedBooking(Protocol):
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
class BatchResult:
    """How one batch was decided, in order of arrival. `taken`: tickets by ticket type."""

    event_id: uuid.UUID
    confirmed: list[QueuedBooking] = field(default_factory=list)
    failed: list[tuple[QueuedBooking, str]] = field(default_factory=list)
    taken: dict[uuid.UUID, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.confirmed) + len(self.failed)


def process_queue(
    event_id: uuid.UUID,
    *,
    linger: float | None = None,
    hand_over: Requeue = lambda: False,
    come_back: RequeueLater = lambda _seconds: False,
) -> int:
    """Decide the event's queue until it is empty and stays so for `linger` seconds; how many were decided.

    One thread of a process does so for an event; for a second one this returns at once. After each `TURN` it calls
    `hand_over`, which may say that another allocator will come, so that a busy event does not keep a thread for ever.
    Where many events are sold at once it does not linger, and asks `come_back` for a last look in so many seconds.
    """
    if not allocator_slots.try_acquire(event_id):
        return 0
    try:
        return _process_in_slices(event_id, linger, hand_over, come_back)
    except BaseException:
        allocator_slots.release(event_id)
        raise


def _process_in_slices(event_id: uuid.UUID, linger: float | None, hand_over: Requeue, come_back: RequeueLater) -> int:
    usual = current_app.config["ALLOCATOR_LINGER_MS"] / 1000
    linger = usual if linger is None else linger
    decided = 0
    while True:
        count, is_empty = _process_for_a_slice(event_id, _idle_timeout(linger, come_back))
        decided += count
        if is_empty and allocator_slots.release_if_idle(event_id):
            return decided
        # Whoever called, or still waits, counts on somebody who stays for those that follow.
        linger = usual
        if not is_empty:
            # In this order: the other one may come at once.
            allocator_slots.release(event_id)
            if hand_over() or not allocator_slots.try_acquire(event_id):
                return decided


def _idle_timeout(linger: float, come_back: RequeueLater) -> float:
    """Half of the threads may wait for more of one event; the others are for events that nobody looks at yet."""
    is_crowded = allocator_slots.count() > max(1, current_app.config["WORKER_CONCURRENCY"] // 2)
    return 0.0 if linger and is_crowded and come_back(linger) else linger


def _process_for_a_slice(event_id: uuid.UUID, linger: float) -> tuple[int, bool]:
    """How many were decided, and whether the queue was empty for the lingering time at last."""
    started = last_seen = time.monotonic()
    decided = 0
    while True:
        looked = time.monotonic()
        if _has_queued_bookings(event_id):
            count = allocate_batch(event_id)
            decided += count
            last_seen = time.monotonic()
            if last_seen - started >= TIME_SLICE:
                return decided, False
            if count < current_app.config["ALLOCATOR_BATCH"]:
                time.sleep(MIN_REST_SECONDS if count < SMALL_BATCH else min(REST_SECONDS * (last_seen - looked), MAX_REST_SECONDS))
        elif time.monotonic() - last_seen < linger:
            time.sleep(POLL_INTERVAL)
        else:
            return decided, True


def _has_queued_bookings(event_id: uuid.UUID) -> bool:
    """Reads without a lock, and anew: SQLite would show the last read's state until that is ended."""
    with db.engine.connect() as connection:
        return connection.scalar(_ANY_QUEUED, {"event": event_id}) is not None


def decide_queued(event_id: uuid.UUID) -> int:
    """Decide who waits now, and wait for nobody else; how many were decided."""
    decided, size = 0, current_app.config["ALLOCATOR_BATCH"]
    while (count := allocate_batch(event_id)) == size:
        decided += count
    return decided + count


def allocate_batch(event_id: uuid.UUID) -> int:
    """Decide the oldest bookings in the event's queue, one batch in one transaction; how many were decided."""
    with transaction() as session:
        connection = session.connection()
        free = {row[0]: row[1] for row in connection.execute(_LOCK, {"event": event_id})}
        batch = connection.execute(_OLDEST, {"event": event_id, "most": current_app.config["ALLOCATOR_BATCH"]}).all()
        if not batch:
            return 0
        outcome = _decide(connection, event_id, free, batch)
        _record(connection, outcome)
        bookings_decided.send(outcome)
    metrics.count_batch(len(outcome.confirmed), len(outcome.failed))
    log.debug("Decided %d bookings", outcome.size, extra={"event_id": event_id, "confirmed": len(outcome.confirmed)})
    return outcome.size


def allocate(
    event_id: uuid.UUID,
    batch: Iterable[QueuedBooking],
    *,
    free: dict[uuid.UUID, int],
    refusal: str | None = None,
    held: dict[int, int] | None = None,
    limit: int | None = None,
) -> BatchResult:
    """Decide a batch one by one in the order given.

    A request that does not fit fails, and a smaller one behind it may still fit. `free`: seats by ticket type;
    `refusal`: why nobody may book at all; `held`: tickets that each user has already, against `limit`.
    """
    outcome = BatchResult(event_id=event_id)
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


def _decide(connection: Connection, event_id: uuid.UUID, free: dict[uuid.UUID, int], batch: Sequence[Any]) -> BatchResult:
    event = connection.execute(_FACTS, {"event": event_id}).one()
    refusal = None
    if event.status != PUBLISHED or event.archived_at is not None:
        refusal = NOT_ON_SALE
    elif event.time <= utc_now():
        refusal = STARTED
    limit = event.max_tickets_per_user
    held = _tickets_held(connection, event_id, {row.user_id for row in batch}) if limit else None
    return allocate(event_id, batch, free=free, refusal=refusal, held=held, limit=limit)


def _tickets_held(connection: Connection, event_id: uuid.UUID, user_ids: set[int]) -> dict[int, int]:
    rows = connection.execute(_HELD, {"event": event_id, "users": list(user_ids)})
    return {user_id: int(tickets) for user_id, tickets in rows}


def _record(connection: Connection, outcome: BatchResult) -> None:
    by_code: dict[str | None, list[int]] = {None: [booking.seq for booking in outcome.confirmed]}
    for booking, refusal in outcome.failed:
        by_code.setdefault(refusal, []).append(booking.seq)
    now = utc_now()
    for code, seqs in by_code.items():
        if seqs:
            decision = {"new_status": FAILED if code else CONFIRMED, "code": code, "now": now, "seqs": seqs}
            # Under the lock nobody else changes a waiting booking; if this ever differs, keep nothing of the batch.
            if (changed := connection.execute(_SET, decision).rowcount) != len(seqs):
                raise RuntimeError(f"{changed} of {len(seqs)} bookings could be decided")
    for ticket_type_id, tickets in outcome.taken.items():
        connection.execute(_TAKE, {"ticket_type": ticket_type_id, "tickets": tickets})


# Built once, and of tables instead of objects: at a hundred batches a second, building them would be half of the work.
_BOOKINGS, _STOCK, _EVENTS = Booking.__table__.c, TicketStock.__table__.c, Event.__table__.c
_QUEUED = (_BOOKINGS.event_id == bindparam("event"), _BOOKINGS.status == PROCESSING)
_ANY_QUEUED = select(_BOOKINGS.seq).where(*_QUEUED).limit(1)
# As `events.services.lock_stock` does for everybody else: in the same order, so that nobody waits in a circle.
_LOCK = (
    select(_STOCK.ticket_type_id, _STOCK.capacity - _STOCK.reserved)
    .where(_STOCK.event_id == bindparam("event"))
    .order_by(_STOCK.ticket_type_id)
    .with_for_update(key_share=True)
)
_OLDEST = (
    select(_BOOKINGS.id, _BOOKINGS.seq, _BOOKINGS.ticket_type_id, _BOOKINGS.user_id, _BOOKINGS.ticket_count)
    .where(*_QUEUED)
    .order_by(_BOOKINGS.seq)
    .limit(bindparam("most"))
)
_FACTS = select(_EVENTS.status, _EVENTS.time, _EVENTS.archived_at, _EVENTS.max_tickets_per_user).where(_EVENTS.id == bindparam("event"))
_HELD = (
    select(_BOOKINGS.user_id, func.sum(_BOOKINGS.ticket_count))
    .where(
        _BOOKINGS.event_id == bindparam("event"),
        _BOOKINGS.user_id.in_(bindparam("users", expanding=True)),
        _BOOKINGS.status.in_(OCCUPYING_STATUSES),
    )
    .group_by(_BOOKINGS.user_id)
)
_SET = (
    update(cast("Table", Booking.__table__))
    .where(_BOOKINGS.seq.in_(bindparam("seqs", expanding=True)), _BOOKINGS.status == PROCESSING)
    .values(status=bindparam("new_status"), failure_code=bindparam("code"), decided_at=bindparam("now"))
)
_TAKE = (
    update(cast("Table", TicketStock.__table__))
    .where(_STOCK.ticket_type_id == bindparam("ticket_type"))
    .values(reserved=_STOCK.reserved + bindparam("tickets"))
)
