"""What becomes of the bookings of accounts that are deleted or merged."""

from collections.abc import Sequence

from sqlalchemy import select, update

from evently.accounts.models import User
from evently.accounts.signals import guests_merged, users_deleted
from evently.bookings.attendees import is_checked_in
from evently.bookings.models import ACTIVE_STATUSES, CANCELLED, OCCUPYING_STATUSES, Booking
from evently.bookings.signals import bookings_cancelled
from evently.database import utc_now
from evently.events.models import Event
from evently.events.services import lock_inventory
from evently.extensions import db


@guests_merged.connect
def move_bookings(user: User, *, guests: Sequence[int]) -> None:
    statement = update(Booking).where(Booking.user_id.in_(guests)).values(user_id=user.id)
    db.session.execute(statement.execution_options(synchronize_session=False))


@users_deleted.connect
def cancel_active_bookings(users: Sequence[User]) -> None:
    """Their tickets for what is still to come go back on sale; what was, stays history."""
    is_theirs = (Booking.user_id.in_([user.id for user in users]), Booking.status.in_(ACTIVE_STATUSES))
    events = select(Event.id).join(Booking, Booking.event_id == Event.id).where(*is_theirs, Event.time > utc_now())
    # Always in the same order, so that no two of us ever wait for each other.
    for event_id in db.session.scalars(events.distinct().order_by(Event.id)).all():
        taken = {row.ticket_type_id: row for row in lock_inventory(event_id)}
        is_meant = (*is_theirs, Booking.event_id == event_id)
        # First the locks, then a look at who has come in: whoever sits inside keeps the seat.
        db.session.execute(select(Booking.seq).where(*is_meant).order_by(Booking.seq).with_for_update(key_share=True))
        query = select(Booking).where(*is_meant, ~is_checked_in()).execution_options(populate_existing=True)
        bookings = db.session.scalars(query).all()
        for booking in bookings:
            if booking.status in OCCUPYING_STATUSES:
                taken[booking.ticket_type_id].reserved -= booking.ticket_count
            booking.status, booking.cancelled_at = CANCELLED, utc_now()
        db.session.flush()
        bookings_cancelled.send([booking.id for booking in bookings], by_event=False)


@users_deleted.connect
def erase_typed_contacts(users: Sequence[User]) -> None:
    """What organizers typed about them in manual bookings goes as well."""
    is_theirs = (Booking.user_id.in_([user.id for user in users]), Booking.added_by_id.is_not(None))
    typed = dict.fromkeys(("attendee_first_name", "attendee_last_name", "attendee_email", "attendee_search"), "")
    db.session.execute(update(Booking).where(*is_theirs).values(typed))
