"""A booking that an organizer adds for an attendee, by name and e-mail address: at the counter, by telephone, for a guest.

Its attendee is the owner of the address. The organizer learns nothing about that account, not even whether there was one
before: nothing here depends on it but a row in `users`.
"""

import contextlib
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, PendingRollbackError

from evently.accounts.guests import get_or_create_owner
from evently.accounts.models import User
from evently.accounts.validation import ProfileChanges, canonical_email, email_problems, normalize, profile_problems
from evently.audit.services import record
from evently.bookings import queries, wakeups
from evently.bookings.contacts import search_text
from evently.bookings.models import Booking
from evently.bookings.services import new_booking
from evently.bookings.signals import booking_added
from evently.database import on_commit, transaction
from evently.errors import Conflict, Invalid
from evently.events.models import PUBLISHED, Event
from evently.events.queries import get_managed_event
from evently.events.validation import MAX_PRICE


def add_booking(
    *,
    by: User,
    event_id: uuid.UUID,
    email: str,
    tickets: int,
    first_name: str = "",
    last_name: str = "",
    booking_id: uuid.UUID | None = None,
) -> Booking:
    """Put a booking for the owner of this address into the event's queue, where it is decided like any other.

    One of the two names is needed. Neither the sales window nor the limit of a booking holds for an organizer; capacity and
    the limit of a person do. With a `booking_id` that was used before, this is that booking: the first try was written, its
    answer was lost. The account, the booking and its audit entry are written together or not at all.
    Raises NotFound, NotAllowed; Invalid; Conflict ("event_not_available", "event_started", "email_not_confirmed"); TooManyRequests.
    """
    request = _Request(by, event_id, _attendee(email, first_name, last_name), tickets, booking_id or uuid.uuid4())
    # The same booking may be added by another request at the same time: then it is found.
    with contextlib.suppress(IntegrityError, PendingRollbackError):
        return _add(request)
    return _add(request)


@dataclass(frozen=True)
class _Attendee:
    """As typed by the organizer."""

    first_name: str
    last_name: str
    email: str

    def columns(self) -> dict[str, str]:
        return {
            "attendee_first_name": self.first_name,
            "attendee_last_name": self.last_name,
            "attendee_email": self.email,
            "attendee_search": search_text(self.first_name, self.last_name, self.email),
        }


@dataclass(frozen=True)
class _Request:
    by: User
    event_id: uuid.UUID
    attendee: _Attendee
    tickets: int
    booking_id: uuid.UUID


def _attendee(email: str, first_name: str, last_name: str) -> _Attendee:
    typed: ProfileChanges = {"first_name": first_name, "last_name": last_name}
    email, names = email.strip(), normalize(typed)
    problems = email_problems(email) | profile_problems(names)
    if not any(names.values()):
        problems["first_name"] = ["Enter a first or last name."]
    if problems:
        raise Invalid("Please correct the marked fields.", fields=problems)
    return _Attendee(names["first_name"], names["last_name"], canonical_email(email))


def _add(request: _Request) -> Booking:
    by, tickets = request.by, request.tickets
    with transaction() as session:
        event = get_managed_event(by=by, event_id=request.event_id)
        if by.email_confirmed_at is None:
            # The e-mail to the attendee shows what the organizer typed about the event.
            raise Conflict("Confirm your e-mail address first, then you can add bookings.", code="email_not_confirmed")
        known = session.scalar(select(Booking).where(Booking.id == request.booking_id, Booking.event_id == event.id))
        if known:
            return known
        _refuse(event, tickets)
        user = get_or_create_owner(request.attendee.email)
        _refuse_over_limit(event, user, request)
        changes = {"booking": (None, request.booking_id), "tickets": (None, tickets)}
        record(actor_id=by.id, action="event.booking_added", subject="event", subject_id=event.id, changes=changes)
        wake_up = wakeups.plan(event.id)
        values = new_booking(event, user, tickets, request.booking_id) | request.attendee.columns()
        # Last, because the place in line is drawn here and holds from the commit.
        booking = Booking(**values, added_by_id=by.id, task_id=wake_up.task_id)
        session.add(booking)
        session.flush()
        booking_added.send(booking, by=by)
        on_commit(lambda: wakeups.send(wake_up))
    return booking


def _refuse(event: Event, tickets: int) -> None:
    if event.status != PUBLISHED:
        raise Conflict("Bookings can be added to a published event only.", code="event_not_available")
    if event.has_started:
        raise Conflict("This event has already started.", code="event_started")
    if tickets < 1:
        raise _invalid_tickets("Choose 1 ticket or more.")
    if event.price_per_ticket * tickets > MAX_PRICE:
        raise _invalid_tickets(f"One booking can cost at most {MAX_PRICE:,}. Choose fewer tickets.", code="too_expensive")
    if tickets > event.available_tickets:
        left = event.available_tickets
        raise _invalid_tickets(f"Only {left} {'seat is' if left == 1 else 'seats are'} left.", code="not_enough_seats")


def _refuse_over_limit(event: Event, user: User, request: _Request) -> None:
    """Counts bookings of this event only, which the organizer sees, and names the attendee as typed."""
    most = event.max_tickets_per_user
    held = queries.count_held_tickets(user_id=user.id, event_id=event.id) if most else 0
    if most and held + request.tickets > most:
        message = f"At most {most} per person, and {request.attendee.email} already has {held}."
        raise _invalid_tickets(message, code="over_user_limit")


def _invalid_tickets(message: str, code: str = "invalid") -> Invalid:
    return Invalid(message, code=code, fields={"tickets": [message]})
