"""What is on: the front page, an event with its booking box, and its poster."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app, make_response, redirect, request, url_for
from flask_login import current_user

from evently.bookings.queries import count_held_tickets
from evently.celery_app import publish
from evently.database import utc_now
from evently.errors import DomainError, NotFound
from evently.events import posters, queries
from evently.events.calendar_queries import list_month
from evently.events.descriptions import is_rendered
from evently.events.models import CATEGORIES, DRAFT, Event
from evently.events.policies import can_manage_event
from evently.events.tasks import render_description
from evently.extensions import cache
from evently.http.htmx import render, wants_fragment
from evently.http.static_caching import immutable_cache
from evently.web import blueprint
from evently.web.forms import BookingForm
from evently.web.listing import ORDERINGS, PRESETS, PRICES, Listing
from evently.web.month import following, month_of

# seconds; how old the list of venues and the totals in the head of the front page may be
OVERVIEW_AGE = 30


@blueprint.get("/")
def list_events() -> Response:
    listing = Listing.read(request.args).settled(today())
    # The address a visitor shares says what is set and nothing else; forms without script send what is empty too.
    address = listing.page_address(listing.page)
    if "" in request.args.values() and not wants_fragment():
        return make_response(redirect(address))
    results = calendar_of(listing) if listing.view else list_of(listing)
    response = render("events/index.html", "events/_event_results.html", listing=listing, orderings=ORDERINGS, **results, **overview())
    response.headers["HX-Push-Url"] = address
    return response


def list_of(listing: Listing) -> dict[str, Any]:
    filters = listing.filters(utc_now(), site_zone())
    return {"page": queries.list_public_events(filters, page=listing.page)}


def calendar_of(listing: Listing) -> dict[str, Any]:
    now, zone = utc_now(), site_zone()
    first = listing.month_shown(today())
    start, after = (dt.datetime.combine(day, dt.time(), zone) for day in (first, following(first)))
    month = month_of(first, list_month(listing.filters(now, zone), first=start, after=after))
    turns = {"prev": month.previous, "next": month.next}
    return {
        "month": month,
        "today": today(),
        "turns": {rel: turn for rel, turn in turns.items() if turn and listing.reaches(turn, today())},
    }


def site_zone() -> ZoneInfo:
    """The zone in which days begin for the whole site."""
    return ZoneInfo(current_app.config["DEFAULT_TIMEZONE"])


def today() -> dt.date:
    return utc_now().astimezone(site_zone()).date()


@cache.memoize(timeout=OVERVIEW_AGE)
def overview() -> dict[str, Any]:
    """What the head of the front page needs whatever is searched for."""
    upcoming, venues_total = queries.count_upcoming()
    return {
        "upcoming": upcoming,
        "venues_total": venues_total,
        "venues": list(queries.list_venues()),
        "categories": CATEGORIES,
        "presets": PRESETS,
        "prices": PRICES,
    }


@blueprint.get("/events/<uuid:event_id>")
def show_event(event_id: uuid.UUID) -> Response:
    event = queries.get_public_event(event_id)
    if not is_rendered(event):
        publish(render_description, args=[str(event_id)])
    return render("events/event.html", **booking_box(event, BookingForm(request.args)))


@blueprint.get("/events/<uuid:event_id>/seats")
def event_seats(event_id: uuid.UUID) -> Response:
    """The live seats, as a fragment; asked for again and again while the event page is open."""
    return render("events/_live_seats.html", event=queries.get_public_event(event_id))


@blueprint.get("/events/<uuid:event_id>/poster.svg")
def event_poster(event_id: uuid.UUID) -> Response:
    event = queries.get_event(event_id)
    if event.status == DRAFT and not (current_user.is_authenticated and can_manage_event(current_user, event)):
        raise NotFound("There is no such event.")
    return versioned(event, make_response(posters.event_poster(event), {"Content-Type": "image/svg+xml; charset=utf-8"}))


@blueprint.get("/events/<uuid:event_id>/poster.png")
def event_poster_png(event_id: uuid.UUID) -> Response:
    """For previews of links."""
    event = queries.get_public_event(event_id)
    return versioned(event, make_response(posters.poster_png(posters.event_poster(event)), {"Content-Type": "image/png"}))


def versioned(event: Event, response: Response) -> Response:
    """Kept for ever where the address says which version of the poster it is."""
    is_this = event.status != DRAFT and request.args.get("v") == posters.poster_version(event)
    return immutable_cache(response) if is_this else response


def booking_box(event: Event, form: BookingForm, refusal: DomainError | None = None) -> dict[str, Any]:
    """What the booking box shows: `most` tickets may be taken, of which `tickets` are chosen at first."""
    held = count_held_tickets(user_id=current_user.id, event_id=event.id) if current_user.is_authenticated else 0
    limits = [event.max_tickets_per_booking or current_app.config["MAX_TICKETS_PER_BOOKING"], event.available_tickets]
    if event.max_tickets_per_user is not None:
        limits.append(event.max_tickets_per_user - held)
    most = max(0, min(limits))
    tickets = max(1, min(form.tickets.data or 1, most))
    box = {"form": form, "held": held, "most": most, "tickets": tickets, "refusal": refusal}
    return {"event": event, **box}


def event_address(event_id: uuid.UUID, tickets: int) -> str:
    """The event's page with this many tickets chosen."""
    return url_for("web.show_event", event_id=event_id, tickets=tickets, _anchor="book")
