"""What can be done to many attendees at once: what it will do, doing it, and how far it has come."""

import uuid
from typing import Any

from flask import Response, request, url_for

from evently.bookings import bulk_actions, check_in_window
from evently.bookings.tasks import start_unfinished
from evently.dashboard import blueprint
from evently.dashboard.attendee_listing import AttendeeListing
from evently.errors import Conflict
from evently.events.queries import get_managed_event
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user

RULE = "/events/<uuid:event_id>/attendees/<any(cancel, admit):kind>"


@blueprint.get(RULE)
def plan_attendee_action(event_id: uuid.UUID, kind: str) -> Response:
    """What will happen, to how many, and who will be told."""
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    listing = AttendeeListing.read(event, request.args)
    known: dict[str, Any] = {"event": event, "kind": kind, "listing": listing, "is_everybody": bool(request.args.get("all"))}
    known["opens_at"] = check_in_window.opens_at(event) if check_in_window.is_early(event) else None
    if not listing.ids and not known["is_everybody"]:
        return render("dashboard/attendees_action.html", prospect=None, refusal="Tick the bookings that you mean first.", **known)
    try:
        prospect = bulk_actions.preview(by=user, event_id=event_id, kind=kind, filters=listing.filters())
    except Conflict as refusal:
        return render("dashboard/attendees_action.html", prospect=None, refusal=refusal.message, **known)
    return render("dashboard/attendees_action.html", prospect=prospect, **known)


@blueprint.post(RULE)
def begin_attendee_action(event_id: uuid.UUID, kind: str) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    listing = AttendeeListing.read(event, request.form)
    if not listing.ids and not request.form.get("all"):
        return redirect_to(listing.page_address(1))
    action = bulk_actions.start(by=user, event_id=event_id, kind=kind, filters=listing.filters(), action_id=claimed_id())
    start_unfinished(action)
    return redirect_to(url_for("dashboard.show_attendee_action", event_id=event_id, action_id=action.id))


@blueprint.get("/events/<uuid:event_id>/attendees/actions/<uuid:action_id>")
def show_attendee_action(event_id: uuid.UUID, action_id: uuid.UUID) -> Response:
    action = bulk_actions.get_action(by=signed_in_user(), event_id=event_id, action_id=action_id)
    return render("dashboard/attendees_progress.html", "dashboard/_attendees_progress.html", action=action, event=action.event)
