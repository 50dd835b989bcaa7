"""What people do with bookings: ask for tickets, give them back."""

import contextlib
import uuid
from typing import Any

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from evently.accounts.models import User
from evently.accounts.tokens import require_valid
from evently.audit.services import record
from evently.bookings import queries, wakeups
from evently.bookings.enqueue import enqueue_booking
from evently.bookings.models import ACTIVE_STATUSES, CANCELLED, OCCUPYING_STATUSES, PROCESSING, Booking, CheckIn
from evently.bookings.prices import Price, PriceChangedError
from evently.bookings.request_locks import in_progress_error, user_event_lock
from evently.bookings.signals import bookings_cancelled
from evently.database import end_read_transaction, on_commit, transaction, utc_now
from evently.errors import Conflict, DomainError, Invalid, NotFound
from evently.events import sale_cache
from evently.events.models import PUBLISHED, Event
from evently.events.services import lock_inventory
from evently.events.signals import capacity_raised, event_cancelled, event_deleted
from evently.events.validation import MAX_PRICE
from evently.extensions import db
from evently.observability import context

# How often a booking is tried on an event that is changed again and again meanwhile.
MAX_ATTEMPTS = 5


def book_tickets(
    *,
    user: User,
    event_id: uuid.UUID,
    tickets: int,
    booking_id: uuid.UUID | None = None,
    token_id: int | None = None,
    shown_price: Price | None = None,
) -> Booking:
    """Put a booking into the event's queue; it is decided in order of arrival, moments later.

    With a `booking_id` that was used before, this is that booking: the first try was written, its answer was lost.
    `token_id`: the token that says who asks, if that is remembered only and yet to be checked. `shown_price`: nothing is
    booked at another one; without it, what the event costs when the booking is accepted is what is charged.
    What cannot succeed is refused at once. Raises NotFound; Invalid ("too_many_tickets", "over_user_limit", "too_expensive");
    Conflict ("sold_out", "not_enough_seats", "event_not_available", "event_started", "sales_not_started",
    "sales_ended", "price_changed", "booking_in_progress", "user_suspended"); NotAuthenticated when the token does not work any more.
    """
    if not user.is_active:
        raise Conflict("This account is suspended; nobody can book for it.", code="user_suspended")
    try:
        with user_event_lock(user_id=user.id, event_id=event_id):
            event = _get_bookable_event(event_id, user, tickets, shown_price)
            return queue_booking(event, user, tickets, booking_id or uuid.uuid4(), token_id=token_id, shown_price=shown_price)
    except DomainError:
        # The first try may be why: its tickets are among those that are gone.
        if booking_id and (booking := queries.find_own_booking(user=user, booking_id=booking_id)):
            return booking
        raise


def queue_booking(
    event: Event, user: User, tickets: int, booking_id: uuid.UUID, *, token_id: int | None, shown_price: Price | None
) -> Booking:
    """As `book_tickets`, for an event that was checked already, a second ago or less."""
    wake_up = wakeups.plan(event.id)
    for _ in range(MAX_ATTEMPTS):
        values, version = new_booking(event, user, tickets, booking_id) | {"task_id": wake_up.task_id}, event.updated_at
        if accepted := enqueue_booking(values, version=version, token_id=token_id, shown_price=shown_price):
            wakeups.send(wake_up)
            return _accepted(values | accepted._asdict(), event, user)
        if booking := _find_existing(user, booking_id, token_id):
            return booking
        event = sale_cache.load(event.id)
        _require_bookable(event, user, tickets, shown_price)
        if event.updated_at == version:
            break
    raise in_progress_error()


def new_booking(event: Event, user: User, tickets: int, booking_id: uuid.UUID) -> dict[str, Any]:
    """Its values by column, as it stands in line."""
    context.bind(event_id=event.id, booking_id=booking_id)
    return {
        "id": booking_id,
        "event_id": event.id,
        "ticket_type_id": event.stock[0].ticket_type_id,
        "user_id": user.id,
        "ticket_count": tickets,
        "total_amount": event.price_per_ticket * tickets,
        "currency": event.currency,
        "status": PROCESSING,
        "booking_date": utc_now(),
    }


def _find_existing(user: User, booking_id: uuid.UUID, token_id: int | None) -> Booking | None:
    """What is there already in place of a booking that was not written. Raises NotAuthenticated."""
    if token_id is not None:
        require_valid(token_id)
    return queries.find_own_booking(user=user, booking_id=booking_id)


def cancel_booking(*, by: User, booking_id: uuid.UUID) -> Booking:
    """Give the tickets back, at once. A booking that is still in the queue is never confirmed afterwards.

    Raises NotFound; Conflict ("already_cancelled", "booking_failed", "too_late_to_cancel", "already_admitted").
    """
    event_id = db.session.scalar(select(Booking.event_id).where(Booking.id == booking_id))
    if event_id is None:
        raise NotFound("There is no such booking.")
    with transaction() as session:
        stock = lock_inventory(event_id)
        # Somebody may just be at the door with it.
        session.execute(select(Booking.seq).where(Booking.id == booking_id).with_for_update(key_share=True))
        booking = queries.get_booking(by=by, booking_id=booking_id)
        _require_cancellable(booking)
        if by.id != booking.user_id:
            changes = {"status": (booking.status, CANCELLED)}
            record(actor_id=by.id, action="booking.cancelled", subject="booking", subject_id=booking.id, changes=changes)
        if booking.status in OCCUPYING_STATUSES:
            next(row for row in stock if row.ticket_type_id == booking.ticket_type_id).reserved -= booking.ticket_count
        booking.status, booking.cancelled_at = CANCELLED, utc_now()
        session.flush()
        bookings_cancelled.send([booking.id], by_event=False)
    return booking


@event_cancelled.connect
def cancel_bookings_of_event(event: Event) -> None:
    """Its bookings end with the event. The caller holds the stock's lock."""
    session = db.session
    for row in event.stock:
        row.reserved = 0
    session.flush()
    ended = (
        update(Booking)
        .where(Booking.event_id == event.id, Booking.status.in_(ACTIVE_STATUSES))
        .values(status=CANCELLED, cancelled_at=utc_now())
        .returning(Booking.id)
        .execution_options(synchronize_session=False)
    )
    # Those that this very statement ended: a booking that came between two of them would hear of nothing.
    bookings_cancelled.send(list(session.scalars(ended)), by_event=True)


@event_deleted.connect
def require_unbooked(event: Event) -> None:
    """An event with active bookings is not deleted. The caller holds the inventory lock. Raises Conflict ("has_live_bookings")."""
    live = queries.count_active_bookings(event.id)
    if live:
        noun = "booking of this event is" if live == 1 else "bookings of this event are"
        raise Conflict(f"{live} {noun} still live; cancel the event first.", code="has_live_bookings")


@capacity_raised.connect
def wake_allocator(event: Event) -> None:
    """Seats were added: let those who wait in the queue have them."""
    wake_up = wakeups.plan(event.id)
    on_commit(lambda: wakeups.send(wake_up))


def _get_bookable_event(event_id: uuid.UUID, user: User, tickets: int, shown_price: Price | None) -> Event:
    """The event, if it has tickets for this person. Raises as `book_tickets` does, for reasons that are true now."""
    if remembered := sale_cache.get(event_id):
        with contextlib.suppress(DomainError):
            _require_bookable(remembered, user, tickets, shown_price)
            return remembered
    event = sale_cache.load(event_id)
    _require_bookable(event, user, tickets, shown_price)
    return event


def _require_bookable(event: Event, user: User, tickets: int, shown_price: Price | None) -> None:
    _require_on_sale(event)
    _require_within_limits(event, user, tickets)
    _require_available(event, tickets)
    if shown_price and not shown_price.is_that_of(event):
        raise PriceChangedError(shown_price, event)


def _require_on_sale(event: Event) -> None:
    now = utc_now()
    if event.status != PUBLISHED:
        raise Conflict("This event was cancelled.", code="event_not_available")
    if event.has_started:
        raise Conflict("This event has already started.", code="event_started")
    if event.sales_start and now < event.sales_start:
        raise Conflict("Tickets are not on sale yet.", code="sales_not_started")
    if now >= event.sales_close_at:
        raise Conflict("Ticket sales have ended.", code="sales_ended")


def _require_within_limits(event: Event, user: User, tickets: int) -> None:
    most = event.max_tickets_per_booking or current_app.config["MAX_TICKETS_PER_BOOKING"]
    if not 1 <= tickets <= most:
        message = f"Choose 1 to {most} tickets." if most > 1 else "One ticket per booking."
        raise Invalid(message, code="too_many_tickets", fields={"tickets": [message]})
    if event.price_per_ticket * tickets > MAX_PRICE:
        message = f"One booking can cost at most {MAX_PRICE:,}. Choose fewer tickets."
        raise Invalid(message, code="too_expensive", fields={"tickets": [message]})
    if event.max_tickets_per_user is None:
        return
    end_read_transaction()
    held = queries.count_held_tickets(user_id=user.id, event_id=event.id)
    if held + tickets > event.max_tickets_per_user:
        left = max(0, event.max_tickets_per_user - held)
        message = f"At most {event.max_tickets_per_user} per person. You already hold {held}, so {left} more."
        raise Invalid(message, code="over_user_limit", fields={"tickets": [message]})


def _require_available(event: Event, tickets: int) -> None:
    available = event.available_tickets
    if available <= 0:
        raise Conflict("This event is sold out.", code="sold_out")
    if tickets > available:
        noun = "seat is" if available == 1 else "seats are"
        raise Conflict(f"Only {available} {noun} left, you asked for {tickets}.", code="not_enough_seats")


def _require_cancellable(booking: Booking) -> None:
    if booking.status == CANCELLED:
        raise Conflict("This booking is already cancelled.", code="already_cancelled")
    if booking.status not in ACTIVE_STATUSES:
        raise Conflict("This booking was not confirmed, so there is nothing to cancel.", code="booking_failed")
    if not booking.can_be_cancelled:
        raise Conflict("It is too late to cancel this booking.", code="too_late_to_cancel")
    if db.session.scalar(select(CheckIn.seat).where(CheckIn.booking_seq == booking.seq).limit(1)):
        raise Conflict("Somebody has come in with this booking already.", code="already_admitted")


def _accepted(values: dict[str, Any], event: Event, user: User) -> Booking:
    """The booking as it was written, without reading it back: the answer to a buyer should cost one insert."""
    booking = Booking(**values)
    set_committed_value(booking, "event", event)
    set_committed_value(booking, "user", user)
    return booking
