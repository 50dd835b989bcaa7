"""The organizer's events: the list, and one of them with its bookings."""

import uuid

from flask import Response, request

from evently.accounts.policies import can_manage_every_event
from evently.bookings.models import PENDING, PROCESSING
from evently.bookings.queries import count_attendees, list_event_bookings
from evently.dashboard import blueprint
from evently.dashboard.listing import SORTS, STATES, TIMES, EventListing
from evently.events.queries import count_managed_events, get_managed_event, list_managed_events
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.reporting.sales_summary import list_sales


@blueprint.get("/events")
def list_events() -> Response:
    user = signed_in_user()
    listing = EventListing.read(request.args)
    page = list_managed_events(by=user, filters=listing.filters(), page=listing.page)
    response = render(
        "dashboard/events.html",
        "dashboard/_event_table.html",
        page=page,
        listing=listing,
        sales_by_event=list_sales(by=user, event_ids=[event.id for event in page.items]),
        counts=count_managed_events(user),
        choices={"when": TIMES, "state": STATES, "sort": SORTS},
        sees_all=can_manage_every_event(user),
    )
    response.headers["HX-Push-Url"] = listing.page_address(listing.page)
    return response


@blueprint.get("/events/<uuid:event_id>")
def show_event(event_id: uuid.UUID) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    return render(
        "dashboard/event.html",
        "dashboard/_booking_table.html",
        event=event,
        sales=list_sales(by=user, event_ids=[event_id])[event_id],
        waiting=count_attendees(by=user, event_id=event_id, statuses=(PENDING, PROCESSING)),
        page=list_event_bookings(by=user, event_id=event_id, page=page_number(request.args)),
    )
