"""A booking that an organizer writes down for somebody: at the counter, on the telephone, for a guest."""

import contextlib
import re
import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, PendingRollbackError

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.accounts.queries import find_user_by_login
from evently.accounts.rules import ProfileFields
from evently.accounts.services import register
from evently.audit.services import record
from evently.bookings import queries, wakeups
from evently.bookings.models import Booking
from evently.bookings.services import new_booking
from evently.database import on_commit, transaction
from evently.errors import Conflict, DomainError, Invalid
from evently.events.models import PUBLISHED, Event
from evently.events.queries import get_managed_event
from evently.events.rules import MAX_PRICE
from evently.text import has_control_characters


def add_booking(
    *,
    by: User,
    event_id: uuid.UUID,
    login: str,
    tickets: int,
    first_name: str = "",
    last_name: str = "",
    booking_id: uuid.UUID | None = None,
) -> Booking:
    """Put a booking for somebody into the event's queue, where it is decided like any other, and its mail goes to them.

    `login` is the address of somebody with an account, or a new one, for which the name makes an account; staff may also
    give a username.
    Neither the sales window nor the limit of a booking holds for an organizer; capacity and the limit of a person do.
    With a `booking_id` that was used before, this is that booking: the first try was written, its answer was lost.
    The account, the booking and the word about it are written together or not at all.
    Raises NotFound, NotAllowed; Invalid; Conflict ("event_not_available", "event_started").
    """
    wish = _Wish(by, event_id, login.strip(), tickets, first_name, last_name, booking_id or uuid.uuid4())
    # Somebody may write an account for the same address, or the same booking, at the same moment: then it is there.
    for _ in range(2):
        with contextlib.suppress(IntegrityError, PendingRollbackError, _TakenMeanwhileError):
            return _add(wish)
    return _add(wish)


class _TakenMeanwhileError(Exception):
    """The address got an account between two looks at it."""


@dataclass(frozen=True)
class _Wish:
    by: User
    event_id: uuid.UUID
    login: str
    tickets: int
    first_name: str
    last_name: str
    booking_id: uuid.UUID


def _add(wish: _Wish) -> Booking:
    by, tickets = wish.by, wish.tickets
    with transaction() as session:
        event = get_managed_event(by=by, event_id=wish.event_id)
        known = session.scalar(select(Booking).where(Booking.id == wish.booking_id, Booking.event_id == event.id))
        if known:
            return known
        _refuse(event, tickets)
        user = _somebody(by, wish.login, wish.first_name, wish.last_name)
        _refuse_person(event, user, tickets)
        changes = {"booking": (None, wish.booking_id), "tickets": (None, tickets)}
        record(actor_id=by.id, action="event.booking_added", subject="event", subject_id=event.id, changes=changes)
        wake_up = wakeups.plan(event.id)
        # Last, because the place in line is drawn here and holds from the commit.
        booking = Booking(**new_booking(event, user, tickets, wish.booking_id), task_id=wake_up.task_id)
        session.add(booking)
        session.flush()
        on_commit(lambda: wakeups.send(wake_up))
    return booking


def _refuse(event: Event, tickets: int) -> None:
    if event.status != PUBLISHED:
        raise Conflict("Bookings can be added to a published event only.", code="event_not_available")
    if event.has_started:
        raise Conflict("This event has already started.", code="event_started")
    if tickets < 1:
        raise _invalid("tickets", "Choose 1 ticket or more.")
    if event.price_per_ticket * tickets > MAX_PRICE:
        raise _invalid("tickets", f"One booking can cost at most {MAX_PRICE:,}. Choose fewer tickets.", code="too_expensive")
    if tickets > event.available_tickets:
        left = event.available_tickets
        raise _invalid("tickets", f"Only {left} {'seat is' if left == 1 else 'seats are'} left.", code="not_enough_seats")


def _somebody(by: User, login: str, first_name: str, last_name: str) -> User:
    if not login or has_control_characters(login):
        raise _invalid("login", "Enter a username or an e-mail address.")
    # The booking shows its holder's address and telephone: whoever wants those would only have to guess usernames.
    if "@" not in login and not can_manage_every_event(by):
        raise _invalid("login", "Enter their e-mail address.")
    if user := find_user_by_login(login):
        return user
    if "@" not in login:
        raise _invalid("login", "Nobody has this username.")
    if not f"{first_name}{last_name}".strip():
        raise _invalid("first_name", "Nobody has this address yet. Enter a name, and there will be an account for it.")
    return _new_account(login, first_name, last_name)


def _new_account(email: str, first_name: str, last_name: str) -> User:
    """Nobody knows its password; whoever reads the address's mail can set one."""
    beginning = re.sub(r"[^a-z0-9]", "", email.partition("@")[0].lower())[:40] or "guest"
    profile: ProfileFields = {"email": email, "first_name": first_name, "last_name": last_name}
    try:
        return register(username=f"{beginning}-{secrets.token_hex(3)}", password=secrets.token_urlsafe(32), profile=profile)
    except DomainError as refusal:
        if find_user_by_login(email):
            raise _TakenMeanwhileError from refusal
        # The address is what was typed as `login`.
        refusal.fields = {{"email": "login"}.get(name, name): said for name, said in refusal.fields.items()}
        raise


def _refuse_person(event: Event, user: User, tickets: int) -> None:
    if not user.is_active:
        raise _invalid("login", "This account is suspended; nobody can book for it.", code="user_suspended")
    most = event.max_tickets_per_user
    held = queries.count_held_tickets(user_id=user.id, event_id=event.id) if most else 0
    if most and held + tickets > most:
        raise _invalid("tickets", f"At most {most} per person, and {user.full_name} already has {held}.", code="over_user_limit")


def _invalid(field: str, message: str, code: str = "invalid") -> Invalid:
    return Invalid(message, code=code, fields={field: [message]})
