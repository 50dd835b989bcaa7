"""What an organizer should look at: one line per event that needs something, with the way to do it."""

from dataclasses import dataclass

from flask import url_for

from evently.database import utc_now
from evently.events.models import Event
from evently.events.sales import SalesState, sales_state
from evently.http.formatting import counted, moment


@dataclass(frozen=True)
class Reminder:
    """`tone` is bad, warn or note; `action` is the link's words."""

    event: Event
    tone: str
    sign: str
    words: str
    action: str
    address: str


def reminder_about(event: Event) -> Reminder:
    """For an event found by `needs_attention`; what matters most about it."""
    state, left = sales_state(event), time_left(event)
    if state == SalesState.DRAFT:
        return Reminder(event, "note", "pen", f"Still a draft, {left}", "Finish and publish", editor(event))
    if state == SalesState.SOON and event.sales_start:
        words = f"On sale from {moment(event.sales_start, event.timezone)}"
        return Reminder(event, "note", "clock", words, "Change the sales window", editor(event, "sales_start"))
    if state == SalesState.SOLD_OUT:
        return Reminder(event, "warn", "close", f"Sold out, {left}", "Open more seats", editor(event, "capacity"))
    if state == SalesState.FEW_LEFT:
        words = f"{counted(event.available_tickets, 'seat')} left, {left}"
        return Reminder(event, "warn", "half", words, "Open more seats", editor(event, "capacity"))
    address = url_for("web.show_event", event_id=event.id)
    return Reminder(event, "warn", "ticket", f"No ticket sold yet, {left}", "See what visitors see", address)


def editor(event: Event, field: str | None = None) -> str:
    """Where the event is changed, at this field."""
    return url_for("dashboard.edit_event", event_id=event.id, _anchor=field)


def time_left(event: Event) -> str:
    """`9 days to go`, by the calendar of the event's zone."""
    days = (event.local_time.date() - utc_now().astimezone(event.zone).date()).days
    return {0: "starts today", 1: "starts tomorrow"}.get(days, f"{counted(days, 'day')} to go")
