"""A booking that an organizer writes down for somebody: at the counter, on the telephone, for a guest."""

import re
import secrets
import uuid

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.accounts.queries import find_user_by_login
from evently.accounts.rules import ProfileFields
from evently.accounts.services import register
from evently.audit.services import record
from evently.bookings import queries, services
from evently.bookings.locks import one_at_a_time
from evently.bookings.models import Booking
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
    Raises NotFound, NotAllowed; Invalid; Conflict as `book_tickets` does.
    """
    event = get_managed_event(by=by, event_id=event_id)
    _refuse(event, tickets)
    user = _somebody(by, login.strip(), first_name, last_name)
    _refuse_person(event, user, tickets)
    with one_at_a_time(user_id=user.id, event_id=event_id):
        booking = services.stand_in_line(event, user, tickets, booking_id or uuid.uuid4())
    changes = {"booking": (None, booking.id), "tickets": (None, tickets)}
    record(actor_id=by.id, action="event.booking_added", subject="event", subject_id=event_id, changes=changes)
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
