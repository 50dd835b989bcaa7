"""Whom an organizer's message goes to: everybody once, however many bookings they have."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from evently.accounts.models import User
from evently.bookings.attendees import is_in
from evently.bookings.models import LIVE, Booking
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.models import Unsubscription
from evently.notifications.subscriptions import topic_of

# In the words of a form. A booking belongs to each that describes it.
AUDIENCES = {
    "everyone": "Everybody with tickets or in line",
    "confirmed": "People with tickets",
    "waiting": "People in line",
    "cancelled": "People whose tickets went back",
    "checked_in": "People who came in",
    "not_checked_in": "People with tickets who have not come in",
}


@dataclass(frozen=True)
class Reader:
    """One person of an audience, with the newest of their bookings that belongs to it."""

    user_id: int
    booking_id: uuid.UUID
    address: str
    is_unsubscribed: bool

    @property
    def is_reachable(self) -> bool:
        return bool(self.address) and not self.is_unsubscribed


def readers(event: Event, audience: str) -> Sequence[Reader]:
    """In the order in which they booked. Who has closed the account is nobody any more."""
    newest = select(func.max(Booking.seq)).where(Booking.event_id == event.id, _is_in(audience)).group_by(Booking.user_id)
    query = select(User.id, Booking.id, User.email, _has_refused(event)).join(User, User.id == Booking.user_id)
    query = query.where(Booking.seq.in_(newest), User.anonymised_at.is_(None)).order_by(Booking.seq)
    return [Reader(*row) for row in db.session.execute(query)]


def count_readers(event: Event, audience: str) -> tuple[int, int, int]:
    """How many they are, and how many of them have no address, or have one and want no mail from this organizer."""
    theirs = select(Booking.user_id).where(Booking.event_id == event.id, _is_in(audience))
    has_none, has_refused = User.email == "", _has_refused(event)
    counts = select(func.count(), func.count().filter(has_none), func.count().filter(~has_none, has_refused)).select_from(User)
    people, nowhere, unsubscribed = db.session.execute(counts.where(User.id.in_(theirs), User.anonymised_at.is_(None))).one()
    return people, nowhere, unsubscribed


def _has_refused(event: Event) -> ColumnElement[bool]:
    return select(Unsubscription.user_id).where(Unsubscription.user_id == User.id, Unsubscription.topic == topic_of(event)).exists()


def _is_in(audience: str) -> ColumnElement[bool]:
    """The condition for a booking. Raises KeyError."""
    if audience == "everyone":
        return Booking.status.in_(LIVE)
    return is_in(audience) & ~_has_others() if audience == "cancelled" else is_in(audience)


def _has_others() -> ColumnElement[bool]:
    """Whether the same person has tickets nonetheless, or waits for some."""
    other = aliased(Booking)
    return select(other.id).where(other.event_id == Booking.event_id, other.user_id == Booking.user_id, other.status.in_(LIVE)).exists()
