"""The organizer's first page: figures, what needs attention, what comes next."""

from flask import Response

from evently.accounts.policies import can_manage_every_event
from evently.dashboard import blueprint
from evently.dashboard.attention import reminder_about
from evently.events.filters import EventFilters
from evently.events.queries import count_managed_events, list_managed_events
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.notifications.queries import mail_trouble_of
from evently.reporting.sales import get_figures, list_sales

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
        figures=get_figures(by=user),
        upcoming=upcoming,
        sales_by_event=list_sales(by=user, event_ids=[event.id for event in upcoming.items]),
        reminders=[reminder_about(event) for event in needing.items],
        needing=needing.total,
        trouble=mail_trouble_of(user),
        sees_all=can_manage_every_event(user),
    )
