"""Booking tickets, watching it being decided, and giving tickets back."""

import datetime as dt
import uuid

from flask import Response, flash, request, url_for
from flask_login import current_user

from evently.accounts.models import User
from evently.bookings import queries, services
from evently.bookings.check_in_stats import count_checked_in
from evently.bookings.contact_sharing import share_contact
from evently.bookings.decision_wait import wait_for_decision
from evently.bookings.models import CONFIRMED, Booking
from evently.bookings.prices import PriceChangedError
from evently.database import utc_now
from evently.errors import Conflict, DomainError, Invalid
from evently.events.queries import get_public_event
from evently.http.formatting import money
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.http.rate_limits import limit_bookings
from evently.notifications.models import QUEUED, SENDING, Mail
from evently.notifications.queries import find_decision_mail
from evently.web import blueprint
from evently.web.events import booking_box, event_address
from evently.web.forms import BookingForm

TITLES = {"confirmed": "Confirmed", "failed": "Not booked", "cancelled": "Cancelled", "processing": "In line", "pending": "In line"}
# How long a page keeps asking whether the mail has left.
MAIL_PATIENCE = dt.timedelta(minutes=2)


@blueprint.post("/events/<uuid:event_id>/bookings")
@limit_bookings
def book_tickets(event_id: uuid.UUID) -> Response:
    form = BookingForm(request.form)
    if not current_user.is_authenticated:
        door = "web.register" if request.form.get("way") == "register" else "web.login"
        return redirect_to(url_for(door, next=event_address(event_id, form.tickets.data or 1)))
    if not form.validate():
        return show_refusal(
            event_id, form, Invalid([*form.tickets.errors, *form.price.errors, *form.currency.errors][0], code="not_a_number")
        )
    user, tickets = signed_in_user(), form.tickets.data or 0
    try:
        booking = services.book_tickets(
            user=user, event_id=event_id, tickets=tickets, booking_id=claimed_id(), shown_price=form.shown_price
        )
    except PriceChangedError as refusal:
        refusal.message = f"The price changed from {money(*refusal.shown)} to {money(*refusal.current)}."
        return show_refusal(event_id, form, refusal)
    except (Invalid, Conflict) as refusal:
        return show_refusal(event_id, form, refusal)
    wait_for_decision(booking)
    return redirect_to(url_for("web.show_booking", booking_id=booking.id))


def show_refusal(event_id: uuid.UUID, form: BookingForm, refusal: DomainError) -> Response:
    """The booking box again, with what was typed, why it was refused, and what to do next."""
    context = booking_box(get_public_event(event_id), form, refusal)
    response = render("events/event.html", "events/_booking_refusal.html", status=refusal.status, **context)
    # Only 422 stays in place by itself; a refusal that is nobody's fault of typing (409) belongs here too.
    response.headers.update({"HX-Retarget": "#booking-box", "HX-Reswap": "outerHTML"})
    return response


@blueprint.get("/bookings")
def list_bookings() -> Response:
    user = signed_in_user()
    tab = request.args.get("tab", "")
    tab = tab if tab in queries.TABS else queries.TABS[0]
    page = queries.list_own_bookings(user=user, tab=tab, page=page_number(request.args))
    return render("bookings/index.html", page=page, tab=tab, counts=queries.count_tabs(user))


@blueprint.get("/bookings/<uuid:booking_id>")
def show_booking(booking_id: uuid.UUID) -> Response:
    user = signed_in_user()
    booking = queries.get_booking(by=user, booking_id=booking_id)
    mail = find_decision_mail(booking.id) if booking.status == CONFIRMED else None
    return render(
        "bookings/booking.html",
        "bookings/_booking_status.html",
        booking=booking,
        mail=mail,
        recipient=recipient_of(booking, mail, user),
        come=count_checked_in(booking) if booking.status == CONFIRMED else None,
        place=queries.get_queue_position(booking),
        is_waiting=is_waiting(booking, mail),
        titles=TITLES,
    )


def recipient_of(booking: Booking, mail: Mail | None, viewer: User) -> str:
    """The address that the mail went to, or will go to; for others than the attendee, as far as they may see it."""
    if viewer.id == booking.user_id:
        return mail.to_address if mail else booking.user.email
    return mail.contact.email if mail else booking.contact.email


def is_waiting(booking: Booking, mail: Mail | None) -> bool:
    """Whether the page still has something to wait for: the decision, or the mail that follows it."""
    if not booking.is_final:
        return True
    is_fresh = booking.decided_at is not None and utc_now() - booking.decided_at < MAIL_PATIENCE
    return booking.status == CONFIRMED and is_fresh and mail is not None and mail.status in {QUEUED, SENDING}


@blueprint.get("/bookings/<uuid:booking_id>/cancellation")
def cancel_booking(booking_id: uuid.UUID) -> Response:
    """What will happen, and a button that does it."""
    booking = queries.get_booking(by=signed_in_user(), booking_id=booking_id)
    if not booking.can_be_cancelled:
        return redirect_to(url_for("web.show_booking", booking_id=booking_id))
    return render("bookings/cancellation.html", booking=booking)


@blueprint.post("/bookings/<uuid:booking_id>/cancellation")
def confirm_cancellation(booking_id: uuid.UUID) -> Response:
    services.cancel_booking(by=signed_in_user(), booking_id=booking_id)
    flash("The booking is cancelled.")
    return redirect_to(url_for("web.show_booking", booking_id=booking_id))


@blueprint.post("/bookings/<uuid:booking_id>/acceptance")
def accept_booking(booking_id: uuid.UUID) -> Response:
    """The attendee of a manual booking shares the account's contact details with the organizer."""
    share_contact(user=signed_in_user(), booking_id=booking_id)
    flash("Your contact details are shared with the organizer.")
    return redirect_to(url_for("web.show_booking", booking_id=booking_id))
