"""How events sell, for those who manage them."""

import uuid

from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.response_cache import Kept
from evently.api.schemas.reporting import EventReport as EventReportSchema
from evently.api.schemas.reporting import Overview as OverviewSchema
from evently.bookings.cache_tags import SALES, sales_tag
from evently.events.cache_tags import EVENTS, event_tag
from evently.reporting import queries
from evently.reporting.queries import EventReport, Overview
from evently.tagged_cache import ANALYTICS


@endpoint(
    "GET",
    "/admin/analytics/",
    answer=OverviewSchema,
    refuses=("not_an_organizer",),
    kept=Kept(ANALYTICS, lambda: (EVENTS, SALES), is_personal=True),
)
def show_overview() -> Overview:
    """Over every event for staff, over their own for organizers."""
    return queries.get_overview(by=caller())


@endpoint(
    "GET",
    "/admin/analytics/<uuid:event_id>/",
    answer=EventReportSchema,
    refuses=("not_your_event", "not_found"),
    kept=Kept(ANALYTICS, lambda event_id: (*event_tag(event_id), *sales_tag(event_id)), is_personal=True),
)
def show_event_report(event_id: uuid.UUID) -> EventReport:
    """One event; for its organizer and staff."""
    return queries.get_event_report(by=caller(), event_id=event_id)
