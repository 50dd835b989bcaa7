"""What is on, for everybody."""

import uuid
from typing import Any

from evently.api.endpoint import endpoint
from evently.api.pagination import days, present_page
from evently.api.response_cache import UNCOUNTED, Kept
from evently.api.schemas.base import page_of
from evently.api.schemas.events import Availability, PublicEvent, PublicEventSearch
from evently.events import queries
from evently.events.cache_tags import EVENTS, event_tag
from evently.events.filters import EventFilters
from evently.tagged_cache import DETAILS, SHORT_TTL


@endpoint(
    "GET",
    "/user/events/",
    query=PublicEventSearch,
    answer=page_of(PublicEvent),
    refuses=("no_such_page",),
    auth=None,
    kept=Kept(SHORT_TTL, lambda: (EVENTS,)),
)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """Published events; upcoming ones unless `upcoming_only=false`."""
    filters = EventFilters(
        search=query["search"],
        venue=query["venue"],
        min_price=query.get("min_price"),
        max_price=query.get("max_price"),
        is_active=True,
        is_upcoming=True if query["upcoming_only"] else None,
        has_seats=query["available_only"],
        ordering=query["ordering"],
        **days(query),
    )
    return present_page(queries.describe_public_events(filters, page=query["page"], size=query["page_size"]))


@endpoint(
    "GET",
    "/user/events/<uuid:event_id>/",
    answer=PublicEvent,
    refuses=("not_found",),
    auth=None,
    kept=Kept(DETAILS, event_tag, seats=queries.count_available_tickets),
)
def show_event(event_id: uuid.UUID) -> dict[str, Any]:
    """One published event, its seats counted now."""
    return queries.describe_published_event(event_id) | {"available_tickets": UNCOUNTED}


@endpoint(
    "GET",
    "/events/<uuid:event_id>/availability/",
    answer=Availability,
    refuses=("not_found",),
    auth=None,
    kept=Kept(DETAILS, lambda event_id: (), seats=queries.count_available_tickets),  # noqa: ARG005 - by its name
)
def show_availability(event_id: uuid.UUID) -> dict[str, Any]:
    """Seats that nobody has, counted now."""
    return {"event_id": event_id, "available_tickets": UNCOUNTED, "exact": True}
