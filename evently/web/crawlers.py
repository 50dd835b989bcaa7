"""What programs that read pages are told: search engines, and whoever draws a preview of a link."""

import datetime as dt
from typing import Any
from xml.sax.saxutils import escape

from flask import Response, make_response

from evently.events.calendar import list_addresses
from evently.events.models import Event
from evently.events.posters import poster_version
from evently.events.sales import SalesState, sales_state
from evently.http.formatting import when_long
from evently.notifications.rendering import link
from evently.web import blueprint

# seconds; how old the site map may be
MAP_AGE = 3600
ROBOTS = """User-agent: *
Disallow: /account
Disallow: /api/
Disallow: /bookings
Disallow: /dashboard
Disallow: /dev/
Disallow: /login
Disallow: /register
Disallow: /tickets
Disallow: /*?*month=

Sitemap: {sitemap}
"""
MAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{pages}
</urlset>
"""
AVAILABILITY = {
    SalesState.OPEN: "InStock",
    SalesState.FEW_LEFT: "LimitedAvailability",
    SalesState.SOON: "PreOrder",
    SalesState.SOLD_OUT: "SoldOut",
}


@blueprint.get("/robots.txt")
def robots() -> Response:
    return _kept(ROBOTS.format(sitemap=link("web.site_map")), "text/plain")


@blueprint.get("/sitemap.xml")
def site_map() -> Response:
    front = link("web.list_events")
    pages = [_entry(front), *(_entry(f"{front}events/{event_id}", changed) for event_id, changed in list_addresses())]
    return _kept(MAP.format(pages="\n".join(pages)), "application/xml")


def preview_of(event: Event) -> dict[str, Any]:
    """The picture and the words of a link to this event, where people share it."""
    return {
        "title": event.name,
        "description": event.summary or f"{when_long(event)}, {event.venue}",
        "address": link("web.show_event", event_id=event.id),
        "image": picture_address(event),
        "image_alt": event.cover_alt,
    }


def picture_address(event: Event) -> str:
    """The cover, or else the poster, in a form that every program draws."""
    if event.cover_digest:
        return link("web.event_cover", digest=event.cover_digest, size="large")
    return link("web.event_poster_png", event_id=event.id, v=poster_version(event))


def structured_data(event: Event) -> dict[str, Any]:
    """The event in the words of schema.org/Event."""
    is_online = "online" in event.venue.lower()
    address = link("web.show_event", event_id=event.id)
    place = {"@type": "Place", "name": event.venue, "address": event.venue}
    state = sales_state(event)
    said: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.name,
        "startDate": event.local_time.isoformat(timespec="minutes"),
        "endDate": event.ends_at.astimezone(event.zone).isoformat(timespec="minutes") if event.ends_at else None,
        "eventStatus": f"https://schema.org/Event{'Cancelled' if state == SalesState.CANCELLED else 'Scheduled'}",
        "eventAttendanceMode": f"https://schema.org/{'Online' if is_online else 'Offline'}EventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": event.website or address} if is_online else place,
        "image": [picture_address(event)],
        "description": event.summary or None,
        "organizer": {"@type": "Organization", "name": event.organizer.full_name},
        "maximumAttendeeCapacity": event.capacity,
        "isAccessibleForFree": event.is_free,
        "url": address,
        "offers": _offer(event, state, address),
    }
    return {name: value for name, value in said.items() if value is not None}


def _offer(event: Event, state: SalesState, address: str) -> dict[str, Any] | None:
    if state not in AVAILABILITY:
        return None
    return {
        "@type": "Offer",
        "price": f"{event.price_per_ticket:.2f}",
        "priceCurrency": event.currency,
        "availability": f"https://schema.org/{AVAILABILITY[state]}",
        "validFrom": (event.sales_start or event.created_at).isoformat(timespec="seconds"),
        "validThrough": event.last_sale.isoformat(timespec="seconds"),
        "url": address,
    }


def _entry(address: str, changed: dt.datetime | None = None) -> str:
    lastmod = f"<lastmod>{changed:%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
    return f"<url><loc>{escape(address)}</loc>{lastmod}</url>"


def _kept(body: str, content_type: str) -> Response:
    response = make_response(body, {"Content-Type": f"{content_type}; charset=utf-8"})
    response.cache_control.public, response.cache_control.max_age = True, MAP_AGE
    return response
