"""What programs that read pages are told: search engines, and whoever draws a preview of a link."""

import datetime as dt
from typing import Any
from xml.sax.saxutils import escape

from flask import Response, make_response

from evently.events.calendar_queries import list_sitemap_entries
from evently.events.models import Event
from evently.events.posters import poster_version
from evently.events.sale_status import SaleStatus, sale_status
from evently.http.formatting import when_long
from evently.notifications.rendering import external_url
from evently.web import blueprint

# seconds; how old the site map may be
SITEMAP_MAX_AGE = 3600
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
SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{pages}
</urlset>
"""
AVAILABILITY = {
    SaleStatus.OPEN: "InStock",
    SaleStatus.FEW_LEFT: "LimitedAvailability",
    SaleStatus.SOON: "PreOrder",
    SaleStatus.SOLD_OUT: "SoldOut",
}


@blueprint.get("/robots.txt")
def robots() -> Response:
    return _cached(ROBOTS.format(sitemap=external_url("web.sitemap")), "text/plain")


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    front = external_url("web.list_events")
    pages = [_entry(front), *(_entry(f"{front}events/{event_id}", changed) for event_id, changed in list_sitemap_entries())]
    return _cached(SITEMAP.format(pages="\n".join(pages)), "application/xml")


def preview_of(event: Event) -> dict[str, Any]:
    """The picture and the words of a link to this event, where people share it."""
    return {
        "title": event.name,
        "description": event.summary or f"{when_long(event)}, {event.venue}",
        "address": external_url("web.show_event", event_id=event.id),
        "image": image_url(event),
        "image_alt": event.cover_alt,
    }


def image_url(event: Event) -> str:
    """The cover, or else the poster, in a form that every program draws."""
    if event.cover_digest:
        return external_url("web.event_cover", digest=event.cover_digest, size="large")
    return external_url("web.event_poster_png", event_id=event.id, v=poster_version(event))


def structured_data(event: Event) -> dict[str, Any]:
    """The event in the words of schema.org/Event."""
    is_online = "online" in event.venue.lower()
    address = external_url("web.show_event", event_id=event.id)
    place = {"@type": "Place", "name": event.venue, "address": event.venue}
    state = sale_status(event)
    said: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.name,
        "startDate": event.local_time.isoformat(timespec="minutes"),
        "endDate": event.ends_at.astimezone(event.zone).isoformat(timespec="minutes") if event.ends_at else None,
        "eventStatus": f"https://schema.org/Event{'Cancelled' if state == SaleStatus.CANCELLED else 'Scheduled'}",
        "eventAttendanceMode": f"https://schema.org/{'Online' if is_online else 'Offline'}EventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": event.website or address} if is_online else place,
        "image": [image_url(event)],
        "description": event.summary or None,
        "organizer": {"@type": "Organization", "name": event.organizer.full_name},
        "maximumAttendeeCapacity": event.capacity,
        "isAccessibleForFree": event.is_free,
        "url": address,
        "offers": _offer(event, state, address),
    }
    return {name: value for name, value in said.items() if value is not None}


def _offer(event: Event, state: SaleStatus, address: str) -> dict[str, Any] | None:
    if state not in AVAILABILITY:
        return None
    return {
        "@type": "Offer",
        "price": f"{event.price_per_ticket:.2f}",
        "priceCurrency": event.currency,
        "availability": f"https://schema.org/{AVAILABILITY[state]}",
        "validFrom": (event.sales_start or event.created_at).isoformat(timespec="seconds"),
        "validThrough": event.sales_close_at.isoformat(timespec="seconds"),
        "url": address,
    }


def _entry(address: str, changed: dt.datetime | None = None) -> str:
    lastmod = f"<lastmod>{changed:%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
    return f"<url><loc>{escape(address)}</loc>{lastmod}</url>"


def _cached(body: str, content_type: str) -> Response:
    response = make_response(body, {"Content-Type": f"{content_type}; charset=utf-8"})
    response.cache_control.public, response.cache_control.max_age = True, SITEMAP_MAX_AGE
    return response
