"""How events sell, for those who manage them."""

import uuid

from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.kept import Kept
from evently.api.schemas.reporting import EventReport as EventReportSchema
from evently.api.schemas.reporting import Overview as OverviewSchema
from evently.bookings.versions import SALES, of_sales
from evently.caching import ANALYTICS
from evently.events.versions import EVENTS, of_event
from evently.reporting import queries
from evently.reporting.queries import EventReport, Overview


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
    kept=Kept(ANALYTICS, lambda event_id: (*of_event(event_id), *of_sales(event_id)), is_personal=True),
)
def show_event_report(event_id: uuid.UUID) -> EventReport:
    """One event; for its organizer and staff."""
    return queries.get_event_report(by=caller(), event_id=event_id)
