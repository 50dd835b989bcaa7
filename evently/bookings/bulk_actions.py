"""One thing done to many bookings of an event, in portions.

Each portion is one transaction, and the row of the action moves with it: whatever dies in between, whoever goes on
begins where that ended, and nothing is done twice. Whoever is at it holds a lease, so that one does the work; and each
portion asks again whether who began it still may.
"""

import datetime as dt
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from evently.accounts.models import User
from evently.audit.services import record
from evently.bookings.attendees import AttendeeFilters, count_matching, is_checked_in, matching
from evently.bookings.check_ins import insert_check_ins
from evently.bookings.models import (
    ACTIVE_STATUSES,
    CANCEL,
    CANCELLED,
    CHECK_IN,
    CONFIRMED,
    OCCUPYING_STATUSES,
    Booking,
    BulkAction,
    CheckIn,
)
from evently.bookings.queries import AudienceCount
from evently.bookings.signals import bookings_cancelled
from evently.database import single_statement, transaction, utc_now
from evently.errors import Conflict, NotAllowed, NotFound
from evently.events.models import PUBLISHED, Event, TicketStock
from evently.events.policies import require_manager
from evently.events.queries import get_managed_event
from evently.events.services import lock_inventory
from evently.extensions import db

# Bookings in one transaction: others wait for the event's lock meanwhile.
BATCH_SIZE = 500
# seconds; how long somebody stays at one action
TIME_SLICE = 5.0
# How long whoever is at it may be silent before somebody else takes over.
LEASE = dt.timedelta(seconds=60)


@dataclass(frozen=True)
class Preview:
    """What an action would do: to whom, and to how many of those chosen it cannot be done."""

    affected: AudienceCount
    left_alone: int


def preview(*, by: User, event_id: uuid.UUID, kind: str, filters: AttendeeFilters) -> Preview:
    """Raises NotFound, NotAllowed, Conflict as `begin` does."""
    _require_possible(kind, get_managed_event(by=by, event_id=event_id))
    affected = count_matching(event_id, filters, *_can_be(kind))
    return Preview(affected, count_matching(event_id, filters).bookings - affected.bookings)


def start(*, by: User, event_id: uuid.UUID, kind: str, filters: AttendeeFilters, action_id: uuid.UUID | None = None) -> BulkAction:
    """Write down what is to be done, to the bookings there are now; `carry_out` does it.

    With an `action_id` that was used before, this is that action. Raises NotFound, NotAllowed, Conflict ("event_started",
    "event_not_available").
    """
    with transaction() as session:
        _require_possible(kind, get_managed_event(by=by, event_id=event_id))
        if action_id and (known := session.get(BulkAction, action_id)):
            return known
        total, last = session.execute(matching(event_id, filters).with_only_columns(func.count(), func.max(Booking.seq))).one()
        action = BulkAction(id=action_id or uuid.uuid4(), event_id=event_id, by_id=by.id, kind=kind, chosen=_as_json(filters))
        action.total, action.last_seq = total, last or 0
        session.add(action)
        record(actor_id=by.id, action=f"event.bookings_{kind}", subject="event", subject_id=event_id, changes={"bookings": (None, total)})
        session.flush()
    return action


def run(action_id: uuid.UUID, *, turn: float = TIME_SLICE) -> bool:
    """Do what is left of it, for so many seconds; whether some is left then. Nothing while somebody else is at it."""
    lease = utc_now() + LEASE
    if not _acquire_lease(action_id, lease):
        return False
    deadline = time.monotonic() + turn
    try:
        while _run_batch(action_id, lease):
            if time.monotonic() > deadline:
                return True
        return False
    finally:
        _release_lease(action_id, lease)


def get_action(*, by: User, event_id: uuid.UUID, action_id: uuid.UUID) -> BulkAction:
    """As it is now. Raises NotFound, NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    query = select(BulkAction).where(BulkAction.id == action_id, BulkAction.event_id == event_id)
    action = db.session.scalar(query.execution_options(populate_existing=True))
    if action is None:
        raise NotFound("There is no such action.")
    return action


def list_unfinished() -> Sequence[uuid.UUID]:
    """Those that nobody is at, the oldest first."""
    return db.session.scalars(select(BulkAction.id).where(*_is_lease_expired()).order_by(BulkAction.created_at)).all()


def _acquire_lease(action_id: uuid.UUID, lease: dt.datetime) -> bool:
    """Whether it is ours from now on: it is not finished, and nobody else is at it."""
    with single_statement() as connection:
        claim = update(BulkAction).where(BulkAction.id == action_id, *_is_lease_expired()).values(lease_until=lease)
        return connection.execute(claim).rowcount > 0


def _release_lease(action_id: uuid.UUID, lease: dt.datetime) -> None:
    with single_statement() as connection:
        is_mine = (BulkAction.id == action_id, BulkAction.lease_until == lease)
        connection.execute(update(BulkAction).where(*is_mine).values(lease_until=None))


def _is_lease_expired() -> tuple[ColumnElement[bool], ...]:
    return (BulkAction.finished_at.is_(None), or_(BulkAction.lease_until.is_(None), BulkAction.lease_until < utc_now()))


def _run_batch(action_id: uuid.UUID, lease: dt.datetime) -> bool:
    """Whether there may be more to do for whoever holds this lease."""
    event_id = db.session.scalar(select(BulkAction.event_id).where(BulkAction.id == action_id))
    with transaction() as session:
        stock = lock_inventory(event_id) if event_id else []
        action = session.get(BulkAction, action_id, populate_existing=True)
        if action is None or action.finished_at or action.lease_until != lease:
            return False
        if refusal := _refusal(action):
            action.finished_at, action.reason = utc_now(), refusal
            return False
        seqs = session.scalars(_remaining(action).order_by(Booking.seq).limit(BATCH_SIZE)).all()
        if not seqs:
            action.finished_at = utc_now()
            return False
        done = _cancel(stock, seqs) if action.kind == CANCEL else _check_in(action, seqs)
        action.done, action.skipped, action.seen_seq = action.done + done, action.skipped + len(seqs) - done, seqs[-1]
    return True


def _refusal(action: BulkAction) -> str:
    """Why it must not go on; "" if it may."""
    # As they are now, whatever this session has seen of them.
    by = db.session.get_one(User, action.by_id, populate_existing=True)
    event = db.session.get_one(Event, action.event_id, populate_existing=True)
    try:
        require_manager(by, event)
        _require_possible(action.kind, event)
    except NotAllowed:
        return "Whoever began this does not manage the event any more."
    except Conflict as refusal:
        return refusal.message
    return ""


def _remaining(action: BulkAction) -> Any:
    query = matching(action.event_id, _from_json(action.chosen))
    return query.where(Booking.seq > action.seen_seq, Booking.seq <= action.last_seq)


def _cancel(stock: Sequence[TicketStock], seqs: Sequence[int]) -> int:
    """How many of them were cancelled. The caller holds the stock's lock."""
    session = db.session
    # First the locks, then a look at what is true under them: somebody may just be at the door.
    session.execute(select(Booking.seq).where(Booking.seq.in_(seqs)).order_by(Booking.seq).with_for_update(key_share=True))
    columns = (Booking.seq, Booking.id, Booking.ticket_type_id, Booking.ticket_count, Booking.status)
    rows = session.execute(select(*columns).where(Booking.seq.in_(seqs), *_can_be(CANCEL)).order_by(Booking.seq)).all()
    if not rows:
        return 0
    for kind in stock:
        kind.reserved -= sum(
            row.ticket_count for row in rows if row.ticket_type_id == kind.ticket_type_id and row.status in OCCUPYING_STATUSES
        )
    session.flush()
    statement = update(Booking).where(Booking.seq.in_([row.seq for row in rows])).values(status=CANCELLED, cancelled_at=utc_now())
    session.execute(statement.execution_options(synchronize_session=False))
    bookings_cancelled.send([row.id for row in rows], by_event=False)
    return len(rows)


def _check_in(action: BulkAction, seqs: Sequence[int]) -> int:
    """How many of them came in with this, wholly or with the seats that were missing."""
    session = db.session
    session.execute(select(Booking.seq).where(Booking.seq.in_(seqs)).order_by(Booking.seq).with_for_update(key_share=True))
    rows = session.execute(select(Booking.seq, Booking.ticket_count).where(Booking.seq.in_(seqs), *_can_be(CHECK_IN))).all()
    there = {tuple(row) for row in session.execute(select(CheckIn.booking_seq, CheckIn.seat).where(CheckIn.booking_seq.in_(seqs)))}
    seats = [(row.seq, seat) for row in rows for seat in range(1, row.ticket_count + 1)]
    new = [(seq, seat) for seq, seat in seats if (seq, seat) not in there]
    insert_check_ins(event_id=action.event_id, seats=new, by_id=action.by_id)
    return len({seq for seq, _ in new})


def _can_be(kind: str) -> tuple[Any, ...]:
    """The conditions for a booking that this can be done to. Who has come in keeps the seat."""
    return (Booking.status == CONFIRMED,) if kind == CHECK_IN else (Booking.status.in_(ACTIVE_STATUSES), ~is_checked_in())


def _require_possible(kind: str, event: Event) -> None:
    if event.status != PUBLISHED:
        raise Conflict("Only bookings of a published event can be changed.", code="event_not_available")
    if kind == CANCEL and event.has_started:
        raise Conflict("This event has already started.", code="event_started")


def _as_json(filters: AttendeeFilters) -> dict[str, Any]:
    moments = {name: value.isoformat() for name, value in asdict(filters).items() if isinstance(value, dt.datetime)}
    return asdict(filters) | moments | {"ids": [str(id_) for id_ in filters.ids]}


def _from_json(chosen: dict[str, Any]) -> AttendeeFilters:
    moments = {name: dt.datetime.fromisoformat(chosen[name]) if chosen[name] else None for name in ("date_from", "date_to")}
    return AttendeeFilters(**chosen | moments | {"ids": tuple(uuid.UUID(id_) for id_ in chosen["ids"])})
