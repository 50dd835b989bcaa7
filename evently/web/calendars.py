"""Files and feeds for calendar programs: an event, a booking, and whatever a search of the front page finds."""

import re
import uuid
from zoneinfo import ZoneInfo

from flask import Response, current_app, make_response, request

from evently.bookings.ical import booking_entry
from evently.bookings.queries import get_booking
from evently.database import utc_now
from evently.events.ical import Entry, calendar_file, event_entry
from evently.events.models import Event
from evently.events.queries import get_public_event, list_public_events
from evently.http.login import signed_in_user
from evently.notifications.rendering import external_url
from evently.web import blueprint
from evently.web.listing import Listing

# Events in a feed: what programs still show in one go.
MOST = 500


@blueprint.get("/events/<uuid:event_id>/calendar.ics")
def event_calendar(event_id: uuid.UUID) -> Response:
    event = get_public_event(event_id)
    return _file(event, _entry(event))


@blueprint.get("/bookings/<uuid:booking_id>/calendar.ics")
def booking_calendar(booking_id: uuid.UUID) -> Response:
    booking = get_booking(by=signed_in_user(), booking_id=booking_id)
    response = _file(booking.event, booking_entry(booking, address=external_url("web.show_booking", booking_id=booking.id)))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@blueprint.get("/events.ics")
def events_feed() -> Response:
    """What `/` finds with the same arguments, to subscribe to."""
    listing = Listing.read(request.args)
    filters = listing.filters(utc_now(), ZoneInfo(current_app.config["DEFAULT_TIMEZONE"]))
    found = list_public_events(filters, size=MOST).items
    name = f"Evently: {listing.in_words()}" if listing.is_narrowed else "Evently: what’s on"
    response = make_response(calendar_file([_entry(event) for event in found], name=name, is_feed=True))
    response.content_type = "text/calendar; charset=utf-8"
    response.cache_control.public, response.cache_control.max_age = True, 600
    response.add_etag()
    response.make_conditional(request)
    return response


def feed_address(listing: Listing) -> str:
    """Where the search is a feed."""
    return external_url("web.events_feed", **listing.without("sort", "view", "month"))


def _entry(event: Event) -> Entry:
    return event_entry(event, address=external_url("web.show_event", event_id=event.id))


def _file(event: Event, entry: Entry) -> Response:
    response = make_response(calendar_file([entry], name=event.name))
    response.content_type = "text/calendar; charset=utf-8"
    # Named after the event; other signs than these break headers or file systems.
    name = re.sub(r"[^a-z0-9]+", "-", event.name.lower()).strip("-")[:60] or "event"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response
