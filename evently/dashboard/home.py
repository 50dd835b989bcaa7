"""The organizer's first page: figures, what needs attention, what comes next."""

from flask import Response

from evently.accounts.policies import can_manage_every_event
from evently.dashboard import blueprint
from evently.dashboard.todo_items import todo_item_of
from evently.events.filters import EventFilters
from evently.events.queries import count_managed_events, list_managed_events
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.notifications.queries import delivery_outage_of
from evently.reporting.sales_summary import get_sales_summary, list_sales

REMINDERS = 6
UPCOMING = 10


@blueprint.get("/")
def home() -> Response:
    user = signed_in_user()
    upcoming = list_managed_events(by=user, filters=EventFilters(is_upcoming=True), size=UPCOMING)
    needing = list_managed_events(by=user, filters=EventFilters(needs_attention=True), size=REMINDERS)
    return render(
        "dashboard/home.html",
        counts=count_managed_events(user),
        figures=get_sales_summary(by=user),
        upcoming=upcoming,
        sales_by_event=list_sales(by=user, event_ids=[event.id for event in upcoming.items]),
        reminders=[todo_item_of(event) for event in needing.items],
        needing=needing.total,
        trouble=delivery_outage_of(user),
        sees_all=can_manage_every_event(user),
    )
