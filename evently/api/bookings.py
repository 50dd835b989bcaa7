"""Asking for tickets, watching what becomes of them, and giving them back."""

import uuid
from typing import Any, TypedDict

from flask import url_for

from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.pagination import days, present_page
from evently.api.presenters import Presenter, timeline, visible_holder
from evently.api.schemas.base import page_of
from evently.api.schemas.bookings import (
    ORDERINGS,
    AcceptedBooking,
    Attendee,
    AttendeeSearch,
    BookingDetails,
    BookingInHistory,
    BookingSearch,
    CancelledBooking,
    NewBooking,
)
from evently.api.schemas.bookings import Booking as BookingSchema
from evently.bookings import queries, services
from evently.bookings.attendees import AttendeeFilters, list_attendees
from evently.bookings.contact_sharing import share_contact
from evently.bookings.models import Booking
from evently.bookings.policies import require_booker
from evently.bookings.prices import Price
from evently.errors import Invalid
from evently.http.authentication import unverified_token
from evently.http.idempotency import claimed_id
from evently.http.rate_limits import limit_bookings

# What a waiting booking says of the line.
QUEUE_FIELDS = ("position", "decided_per_second")


@endpoint(
    "POST",
    "/bookings/",
    body=NewBooking,
    answer=BookingSchema,
    status=201,
    refuses=(
        *("not_yourself", "not_found", "too_many_tickets", "too_expensive", "over_user_limit"),
        *("sold_out", "not_enough_seats", "price_changed", "booking_in_progress", "user_suspended"),
        *("event_not_available", "event_started", "sales_not_started", "sales_ended"),
    ),
    limit=limit_bookings,
    auth=unverified_token,
)
def book_tickets(body: dict[str, Any]) -> tuple[Booking, dict[str, str]]:
    """Ask for tickets. The booking is decided in order of arrival, moments later; look at it under `Location`."""
    try:
        booking = services.book_tickets(
            **_holder(body.get("user_id")),
            event_id=body["event_id"],
            tickets=body["number_of_tickets"],
            booking_id=claimed_id(),
            shown_price=None if (expected := body.get("expected_price")) is None else Price(expected),
        )
    except Invalid as error:
        # The service's word for it is not the one that was sent.
        error.fields = {{"tickets": "number_of_tickets"}.get(name, name): said for name, said in error.fields.items()}
        raise
    return booking, {"Location": url_for(".show_booking", booking_id=booking.id)}


@endpoint("GET", "/bookings/<uuid:booking_id>/", answer=BookingDetails, refuses=("not_found",))
def show_booking(booking_id: uuid.UUID) -> Presenter:
    """A booking with its place in line and what happened so far; for its holder, the event's organizer and staff."""
    by = caller()
    booking = queries.get_booking(by=by, booking_id=booking_id)
    place = queries.get_queue_position(booking)
    line = {"position": place.ahead + 1, "decided_per_second": place.decided_per_second} if place else dict.fromkeys(QUEUE_FIELDS)
    added_by = booking.added_by_name if booking.added_by_id else None
    return Presenter(booking, **line, user=visible_holder(booking, by), added_by=added_by, timeline=timeline(booking))


@endpoint("POST", "/bookings/<uuid:booking_id>/acceptance/", answer=AcceptedBooking, refuses=("not_found", "not_a_manual_booking"))
def accept_booking(booking_id: uuid.UUID) -> Booking:
    """Share the account's contact details with the organizer who added this booking; for its attendee. Repeating it changes nothing."""
    return share_contact(user=caller(), booking_id=booking_id)


@endpoint(
    "DELETE",
    "/bookings/<uuid:booking_id>/",
    answer=CancelledBooking,
    refuses=("not_found", "already_admitted", "already_cancelled", "booking_failed", "too_late_to_cancel"),
)
def cancel_booking(booking_id: uuid.UUID) -> Booking:
    """Give the tickets back."""
    return services.cancel_booking(by=caller(), booking_id=booking_id)


@endpoint(
    "GET",
    "/users/<int(max=2147483647):user_id>/bookings/",
    query=BookingSearch,
    answer=page_of(BookingInHistory),
    refuses=("not_your_bookings", "not_found", "no_such_page"),
)
def list_bookings(query: dict[str, Any], user_id: int) -> dict[str, Any]:
    """Somebody's bookings, the newest first; your own unless you are staff."""
    page = queries.list_bookings(
        by=caller(), user_id=user_id, status=query.get("status", ""), page=query["page"], size=query["page_size"], **days(query)
    )
    return present_page(page)


@endpoint(
    "GET",
    "/admin/events/<uuid:event_id>/bookings/",
    query=AttendeeSearch,
    answer=page_of(Attendee),
    refuses=("not_your_event", "not_found", "no_such_page"),
)
def list_event_bookings(query: dict[str, Any], event_id: uuid.UUID) -> dict[str, Any]:
    """Who has booked an event; for its organizer and staff."""
    name = query["ordering"].removeprefix("-")
    ordering = query["ordering"].replace(name, ORDERINGS[name])
    filters = AttendeeFilters(search=query["search"], state=query["state"], **days(query))
    page, size = query["page"], query["page_size"]
    return present_page(list_attendees(by=caller(), event_id=event_id, filters=filters, ordering=ordering, page=page, size=size))


class Holder(TypedDict):
    user: User
    token_id: int | None


def _holder(user_id: int | None) -> Holder:
    """Whom the booking is for, and the token that is yet to be checked. Raises NotAllowed, NotFound."""
    token = unverified_token()
    if user_id is None or user_id == token.user_id:
        return {"user": token.user, "token_id": token.id}
    require_booker(caller(), user_id)
    return {"user": get_user(user_id), "token_id": None}
