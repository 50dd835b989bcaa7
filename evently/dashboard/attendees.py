"""The attendees of an event: the list, one booking, and the form that adds a booking by name and e-mail address."""

import uuid
from typing import Any

from flask import Response, flash, request, url_for
from wtforms import StringField
from wtforms.validators import InputRequired

from evently.bookings import attendees
from evently.bookings.decision_wait import wait_for_decision
from evently.bookings.manual_bookings import add_booking
from evently.bookings.tickets import list_tickets
from evently.dashboard import blueprint
from evently.dashboard.attendee_listing import SORTS, TABS, AttendeeListing
from evently.dashboard.attendee_timeline import steps_of
from evently.errors import Conflict, Invalid, TooManyRequests
from evently.events.queries import get_managed_event
from evently.http.forms import PlainForm, WholeNumberField
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user
from evently.notifications.queries import list_booking_mails

WHOLE = "Enter a whole number of tickets, such as 2."
# Tickets of one booking that its page names.
NAMED = 50


class AttendeeForm(PlainForm):
    """A manual booking; the service checks names and address."""

    email = StringField("E-mail", [InputRequired("Enter an e-mail address like name@example.org.")])
    first_name = StringField("First name")
    last_name = StringField("Last name")
    # newer than the types of wtforms
    tickets = WholeNumberField("Tickets", [InputRequired(WHOLE)], default=1, invalid_value_message=WHOLE)  # type: ignore[call-arg]


@blueprint.get("/events/<uuid:event_id>/attendees")
def list_attendees(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    listing = AttendeeListing.read(event, request.args)
    counts = attendees.count_states(by=user, event_id=event_id)
    page = attendees.list_attendees(
        by=user, event_id=event_id, filters=listing.filters(), ordering=listing.sort or "-seq", page=listing.page, counts=counts
    )
    known: dict[str, Any] = {"event": event, "listing": listing, "page": page, "counts": counts, "tabs": TABS, "sorts": SORTS}
    response = render("dashboard/attendees.html", "dashboard/_attendee_table.html", **known)
    response.headers["HX-Push-Url"] = listing.page_address(listing.page)
    return response


@blueprint.get("/events/<uuid:event_id>/attendees/<uuid:booking_id>")
def show_attendee(event_id: uuid.UUID, booking_id: uuid.UUID) -> Response:
    user = signed_in_user()
    attendee = attendees.get_attendee(by=user, event_id=event_id, booking_id=booking_id)
    booking, tickets = attendee.booking, list_tickets(by=user, booking_id=booking_id)
    return render(
        "dashboard/attendee.html",
        attendee=attendee,
        booking=booking,
        event=booking.event,
        tickets=tickets[:NAMED],
        steps=steps_of(booking, list_booking_mails(booking_id), tickets),
    )


@blueprint.get("/events/<uuid:event_id>/attendees/new")
def new_attendee(event_id: uuid.UUID) -> Response:
    return show_form(event_id, AttendeeForm())


@blueprint.post("/events/<uuid:event_id>/attendees/new")
def add_attendee(event_id: uuid.UUID) -> Response:
    form = AttendeeForm(request.form)
    if not form.validate():
        return show_form(event_id, form, status=422)
    try:
        booking = add_booking(by=signed_in_user(), event_id=event_id, booking_id=claimed_id(), **form.data)
    except (Invalid, Conflict, TooManyRequests) as refusal:
        form.add_refusal(refusal)
        return show_form(event_id, form, status=429 if isinstance(refusal, TooManyRequests) else 422)
    wait_for_decision(booking)
    flash("Booking received. The tickets are e-mailed as soon as it is confirmed.")
    return redirect_to(url_for("dashboard.show_attendee", event_id=event_id, booking_id=booking.id))


def show_form(event_id: uuid.UUID, form: AttendeeForm, *, status: int = 200) -> Response:
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    return render("dashboard/attendee_form.html", event=event, form=form, status=status)
