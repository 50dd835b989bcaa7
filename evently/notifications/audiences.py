"""Whom an organizer's message goes to, as conditions for bookings."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from evently.accounts.models import User
from evently.bookings.attendees import has_state
from evently.bookings.models import ACTIVE_STATUSES, Booking
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.models import Unsubscription
from evently.notifications.subscriptions import topic_of

# In the words of a form. A booking belongs to each that describes it.
STATES = {
    "everyone": "Everybody with tickets or in line",
    "confirmed": "People with tickets",
    "waiting": "People in line",
    "cancelled": "People whose tickets went back",
    "checked_in": "People who came in",
    "not_checked_in": "People with tickets who have not come in",
}
# Those of some bookings, one by one.
CHOSEN = "chosen"
AUDIENCES = STATES | {CHOSEN: "The people you chose"}


def count_readers(event: Event, who: ColumnElement[bool]) -> tuple[int, int, int]:
    """How many people have such bookings, and how many have no address, or have one and want no mail from this organizer."""
    theirs = select(Booking.user_id).where(Booking.event_id == event.id, who)
    has_none, has_refused = User.email == "", _has_refused(event)
    counts = select(func.count(), func.count().filter(has_none), func.count().filter(~has_none, has_refused)).select_from(User)
    people, nowhere, unsubscribed = db.session.execute(counts.where(User.id.in_(theirs), User.anonymised_at.is_(None))).one()
    return people, nowhere, unsubscribed


def is_in_audience(audience: str, booking_ids: Sequence[uuid.UUID] = ()) -> ColumnElement[bool]:
    """The condition for an event's bookings. Raises KeyError."""
    if audience == CHOSEN:
        return Booking.id.in_(booking_ids)
    if audience == "everyone":
        return Booking.status.in_(ACTIVE_STATUSES)
    return has_state(audience) & ~_has_others() if audience == "cancelled" else has_state(audience)


def _has_refused(event: Event) -> ColumnElement[bool]:
    return select(Unsubscription.user_id).where(Unsubscription.user_id == User.id, Unsubscription.topic == topic_of(event)).exists()


def _has_others() -> ColumnElement[bool]:
    """Whether the same person has tickets nonetheless, or waits for some."""
    other = aliased(Booking)
    return (
        select(other.id)
        .where(other.event_id == Booking.event_id, other.user_id == Booking.user_id, other.status.in_(ACTIVE_STATUSES))
        .exists()
    )
