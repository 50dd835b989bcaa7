"""What is told to whom: writes mails into the outbox, in the transaction that makes them true.

The receivers run under the allocator's lock, so they only write rows; whoever sends them does it later, from
delivery.py.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently.accounts.models import User
from evently.bookings.allocation import Outcome
from evently.bookings.models import Booking
from evently.bookings.signals import bookings_cancelled, bookings_decided
from evently.database import on_commit, utc_now
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import BOOKING_CANCELLED, BOOKING_CONFIRMED, BOOKING_FAILED, EVENT_CANCELLED, QUEUED, Mail

# A full house that is called off is told in portions of this size: SQLite takes only so many variables at once.
PORTION = 1000

# kind, booking, user
News = tuple[str, uuid.UUID, int]


@bookings_decided.connect
def tell_decisions(outcome: Outcome) -> None:
    """Write to everybody in this batch whether they have their tickets."""
    confirmed = [(BOOKING_CONFIRMED, booking.id, booking.user_id) for booking in outcome.confirmed]
    failed = [(BOOKING_FAILED, booking.id, booking.user_id) for booking, _ in outcome.failed]
    _write(outcome.event_id, confirmed + failed)


@bookings_cancelled.connect
def tell_cancellations(booking_ids: Sequence[uuid.UUID], *, by_event: bool) -> None:
    """Write to whose booking has ended, and whether the whole event did."""
    kind = EVENT_CANCELLED if by_event else BOOKING_CANCELLED
    for ids in _portions(booking_ids):
        query = select(Booking.event_id, Booking.id, Booking.user_id).where(Booking.id.in_(ids))
        by_event_id: dict[uuid.UUID, list[News]] = {}
        for event_id, booking_id, user_id in db.session.execute(query):
            by_event_id.setdefault(event_id, []).append((kind, booking_id, user_id))
        for event_id, news in by_event_id.items():
            _write(event_id, news)


def _write(event_id: uuid.UUID, news: Sequence[News]) -> None:
    """Queue a mail for each, unless it was told before or there is no address to write to."""
    addresses = _addresses({user_id for _, _, user_id in news})
    now = utc_now()
    rows: list[dict[str, Any]] = [
        {
            "delivery_key": f"{kind.replace('_', '-')}:{booking_id}",
            "kind": kind,
            "to_address": addresses[user_id],
            "user_id": user_id,
            "booking_id": booking_id,
            "event_id": event_id,
            "context": {},
            "status": QUEUED,
            "attempts": 0,
            "created_at": now,
            "not_before": now,
        }
        for kind, booking_id, user_id in news
        if user_id in addresses
    ]
    if rows:
        connection = db.session.connection()
        insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
        connection.execute(insert(Mail).on_conflict_do_nothing(index_elements=[Mail.delivery_key]), rows)
        on_commit(wakeups.wake)


def _addresses(user_ids: Iterable[int]) -> dict[int, str]:
    """Where these people can be written to; anonymised ones cannot."""
    query = select(User.id, User.email).where(User.id.in_(user_ids), User.email != "", User.anonymised_at.is_(None))
    return dict(db.session.execute(query).all())


def _portions(ids: Sequence[uuid.UUID]) -> Iterable[Sequence[uuid.UUID]]:
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))
