"""What is told to whom: writes mails into the outbox, in the transaction that makes them true.

The receivers run under the allocator's lock, so they only write rows; whoever sends them does it later, from
delivery.py.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update

from evently.accounts.models import User
from evently.accounts.signals import guests_merged, users_deleted
from evently.bookings.allocator import BatchResult
from evently.bookings.models import ACTIVE_STATUSES, CONFIRMED, PROCESSING, Booking
from evently.bookings.signals import booking_added, bookings_cancelled, bookings_decided
from evently.database import transaction, utc_now
from evently.events.models import PUBLISHED, Event
from evently.events.signals import event_changed
from evently.extensions import db
from evently.notifications import mail_budgets
from evently.notifications.bulk_insert import CHUNK_SIZE, insert_for_bookings, insert_for_users
from evently.notifications.mail_budgets import GUESTS
from evently.notifications.models import (
    BOOKING_CANCELLED,
    BOOKING_CONFIRMED,
    BOOKING_FAILED,
    BOOKING_RECEIVED,
    EVENT_CANCELLED,
    EVENT_CHANGED,
    EVENT_REMINDER,
    QUEUED,
    SENDING,
    SUPPRESSED,
    Mail,
    Unsubscription,
)
from evently.notifications.queries import count_recipients
from evently.notifications.subscriptions import REMINDERS
from evently.notifications.suppression_rules import DAY_BEFORE

# Who waits longer than this is told that the booking was received; the others hear at once how it was decided.
QUEUE_MAIL_AFTER = dt.timedelta(seconds=30)


@bookings_decided.connect
def enqueue_decision_mails(outcome: BatchResult) -> None:
    """Write to everybody in this batch whether they have their tickets."""
    insert_for_bookings(BOOKING_CONFIRMED, Booking.seq, [booking.seq for booking in outcome.confirmed])
    insert_for_bookings(BOOKING_FAILED, Booking.seq, [booking.seq for booking, _ in outcome.failed])


@bookings_cancelled.connect
def enqueue_cancellation_mails(booking_ids: Sequence[uuid.UUID], *, by_event: bool) -> None:
    """Write to whose booking has ended; where the whole event did, once to each person."""
    insert_for_bookings(EVENT_CANCELLED if by_event else BOOKING_CANCELLED, Booking.id, booking_ids)
    if by_event and booking_ids:
        _require_budget_for_note(booking_ids[0])


def _require_budget_for_note(booking_id: uuid.UUID) -> None:
    """The organizer's own text about a cancelled event counts against their budget. The news itself goes out in any case."""
    event = db.session.scalars(select(Event).join(Booking).where(Booking.id == booking_id)).one()
    if event.cancellation_note:
        told = select(func.count()).where(Mail.event_id == event.id, Mail.kind == EVENT_CANCELLED)
        advice = "Cancel the event without a message, or later."
        mail_budgets.require_organizer(event.organizer_id, db.session.scalar(told) or 0, advice)


@booking_added.connect
def require_budget_for_guest(_booking: Booking, *, by: User) -> None:
    mail_budgets.require(GUESTS, f"user {by.id}", "You added many bookings in a short time, each of which sends an e-mail.")


@event_changed.connect
def enqueue_change_mails(event: Event, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Write to everybody with tickets, or in line for some, what it was before."""
    before = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, (value, _) in changes.items()}
    db.session.flush()
    mail_budgets.require_organizer(event.organizer_id, count_recipients(event.id), "Change the time or place later.")
    insert_for_users(
        EVENT_CHANGED, event.id, Booking.status.in_(ACTIVE_STATUSES), occasion=uuid.uuid4().hex[:12], context={"before": before}
    )


@guests_merged.connect
def move_mails(user: User, *, guests: Sequence[int]) -> None:
    db.session.execute(delete(Unsubscription).where(Unsubscription.user_id.in_(guests)))
    statement = update(Mail).where(Mail.user_id.in_(guests)).values(user_id=user.id)
    db.session.execute(statement.execution_options(synchronize_session=False))


@users_deleted.connect
def clear_addresses(users: Sequence[User]) -> None:
    """Mails about bookings and events stay, to nobody; whatever else was written to these people goes. Nothing is sent any more."""
    ids, session = [user.id for user in users], db.session
    is_theirs = Mail.user_id.in_(ids)
    session.execute(delete(Unsubscription).where(Unsubscription.user_id.in_(ids)))
    session.execute(delete(Mail).where(is_theirs, Mail.booking_id.is_(None), Mail.event_id.is_(None)))
    is_waiting = Mail.status.in_([QUEUED, SENDING])
    session.execute(
        update(Mail).where(is_theirs, is_waiting).values(status=SUPPRESSED, lease_until=None, last_error="The account was deleted.")
    )
    session.execute(update(Mail).where(is_theirs).values(to_address=""))


def enqueue_queue_position_mails() -> int:
    """Write to who has stood in line for a while that the booking is received; how many were looked at."""
    is_late = (Booking.status == PROCESSING, Booking.booking_date <= utc_now() - QUEUE_MAIL_AFTER)
    is_told = select(Mail.id).where(Mail.booking_id == Booking.id, Mail.kind == BOOKING_RECEIVED).exists()
    with transaction() as session:
        numbers = session.scalars(select(Booking.seq).where(*is_late, ~is_told).order_by(Booking.seq).limit(10 * CHUNK_SIZE)).all()
        insert_for_bookings(BOOKING_RECEIVED, Booking.seq, numbers)
    return len(numbers)


def enqueue_reminders() -> int:
    """Write to who has tickets for an event that starts within a day; how many.

    Not to who booked within that day, and nothing for events whose organizer wants no reminders.
    """
    now = utc_now()
    is_near = (Event.time > now, Event.time <= now + DAY_BEFORE, Event.status == PUBLISHED, Event.archived_at.is_(None))
    reminded = 0
    for event in db.session.scalars(select(Event).where(*is_near, Event.sends_reminders).order_by(Event.time)).all():
        has_tickets = (Booking.status == CONFIRMED) & (Booking.decided_at <= event.time - DAY_BEFORE)
        with transaction():
            # Put off to another day, it is worth another reminder.
            reminded += insert_for_users(EVENT_REMINDER, event.id, has_tickets, occasion=f"{event.time:%Y%m%d}", topic=REMINDERS)
    return reminded
