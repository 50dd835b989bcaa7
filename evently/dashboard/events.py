"""The organizer's events: the list, one of them with its bookings, and calling it off."""

import uuid

from flask import Response, flash, request, url_for

from evently.accounts.policies import can_manage_every_event
from evently.bookings.models import PENDING, PROCESSING
from evently.bookings.queries import count_live, list_event_bookings
from evently.dashboard import blueprint
from evently.dashboard.listing import SORTS, STATES, TIMES, EventListing
from evently.events import services
from evently.events.models import CANCELLED, PUBLISHED
from evently.events.queries import count_managed_events, get_managed_event, list_managed_events
from evently.http.htmx import redirect_to, render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.reporting.sales import list_sales


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
        waiting=count_live(by=user, event_id=event_id, statuses=(PENDING, PROCESSING)),
        page=list_event_bookings(by=user, event_id=event_id, page=page_number(request.args)),
    )


@blueprint.get("/events/<uuid:event_id>/cancellation")
def cancel_event(event_id: uuid.UUID) -> Response:
    """Who is affected, and a button that does it. A draft, which nobody knows of, is discarded instead."""
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    if event.status == CANCELLED or (event.has_started and event.status == PUBLISHED):
        return redirect_to(url_for("dashboard.show_event", event_id=event_id))
    return render("dashboard/cancellation.html", event=event, affected=count_live(by=user, event_id=event_id))


@blueprint.post("/events/<uuid:event_id>/cancellation")
def confirm_cancellation(event_id: uuid.UUID) -> Response:
    event = services.cancel_event(by=signed_in_user(), event_id=event_id)
    flash(f"{event.name} is cancelled.")
    return redirect_to(url_for("dashboard.show_event", event_id=event_id))


@blueprint.post("/events/<uuid:event_id>/discard")
def discard_draft(event_id: uuid.UUID) -> Response:
    services.discard_draft(by=signed_in_user(), event_id=event_id)
    flash("The draft is discarded.")
    return redirect_to(url_for("dashboard.list_events"))
