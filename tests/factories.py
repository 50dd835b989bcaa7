"""People, events and bookings for tests, made by the services. Each needs an application context (the fixture `app`)."""

import datetime as dt
import functools
import itertools
import uuid
from decimal import Decimal
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import update

from evently.accounts.models import User
from evently.accounts.passwords import hash_password
from evently.accounts.tokens import issue_token
from evently.bookings import allocator
from evently.bookings.manual_bookings import add_booking
from evently.bookings.models import Booking
from evently.bookings.services import book_tickets
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.events.services import create_event
from evently.extensions import db
from tests.harness.site import apart, fresh

PASSWORD = "evently-demo"
_numbers = itertools.count(1)


@functools.cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def make_user(**values: Any) -> User:
    """An attendee whose password is PASSWORD; `values` are the model's attributes."""
    number = next(_numbers)
    defaults = {"username": f"user{number}", "email": f"user{number}@example.org", "password_hash": _password_hash()}
    # Not by register(): hashing takes 30 ms.
    user = User(**defaults | values)
    with transaction() as session:
        session.add(user)
    return user


def make_organizer(**values: Any) -> User:
    defaults = {"username": f"organizer{next(_numbers)}", "is_organizer": True, "email_confirmed_at": utc_now()}
    return make_user(**defaults | values)


def make_staff(**values: Any) -> User:
    return make_user(**{"username": f"staff{next(_numbers)}", "is_staff": True} | values)


def make_superuser(**values: Any) -> User:
    return make_user(**{"username": f"superuser{next(_numbers)}", "is_superuser": True} | values)


def make_event(*, by: User | None = None, **fields: Any) -> Event:
    """A published event in a month with 10 seats at 12.50, by an organizer of its own; `fields` are EventFields.

    A `time` in the past is allowed; so are states that no service makes from scratch: `status="cancelled"`,
    `sales_end` in the past and the like need nothing special.
    """
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "name": f"Event {number}",
        "venue": f"Hall {number}",
        "time": in_days(30),
        "capacity": 10,
        "price_per_ticket": Decimal("12.50"),
    }
    status = fields.pop("status", "published")
    state = "published" if status == "cancelled" else status
    event = create_event(by=by or make_organizer(), fields=defaults | fields | {"status": state}, allow_past=True)
    if status == "cancelled":
        with transaction():
            event.status = status
    return event


def in_days(days: float) -> dt.datetime:
    """A moment so many days from now, on a whole second, UTC."""
    return (utc_now() + dt.timedelta(days=days)).replace(microsecond=0)


def make_booking(*, user: User | None = None, event: Event | None = None, tickets: int = 1, decided: bool = True) -> Booking:
    """A booking through the queue; confirmed if there were seats, or still "processing" with `decided=False`."""
    event = event or make_event()
    booking = book_tickets(user=user or make_user(), event_id=event.id, tickets=tickets)
    if decided:
        decide(event)
    return reload(booking)


def make_manual_booking(*, user: User | None = None, event: Event | None = None, **fields: Any) -> Booking:
    """A confirmed booking that the event's organizer added for the address of this user, which is confirmed before."""
    event, user = event or make_event(), user or make_user()
    with transaction() as session:
        session.execute(update(User).where(User.id == user.id, User.email_confirmed_at.is_(None)).values(email_confirmed_at=utc_now()))
    typed = {"email": user.email, "first_name": "Typed", "last_name": "Name", "tickets": 1}
    booking = add_booking(by=event.organizer, event_id=event.id, **typed | fields)
    decide(event)
    return reload(booking)


def decide(event: Event) -> int:
    """Run the allocator on the event's queue, here and now, without waiting for more; how many bookings were decided."""
    return apart(functools.partial(allocator.process_queue, linger=0.0), event.id)


def reload(booking: Booking) -> Booking:
    """The booking as the database has it now."""
    return get_booking(booking.id)


def get_booking(booking_id: uuid.UUID) -> Booking:
    fresh()
    booking = db.session.get(Booking, booking_id)
    assert booking is not None
    return booking


def log_in(client: FlaskClient, user: User) -> FlaskClient:
    """From now on this client's requests are that person's, without the login page."""
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = str(user.id), True
    return client


def api_token(user: User) -> str:
    return issue_token(user=user, name="tests").token


def auth(user: User) -> dict[str, str]:
    """The headers of an API request by this person, with a new token."""
    return {"Authorization": f"Token {api_token(user)}"}
