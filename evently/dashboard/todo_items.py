"""What an organizer should look at: one line per event that needs something, with the way to do it."""

from dataclasses import dataclass

from flask import url_for

from evently.database import utc_now
from evently.events.models import Event
from evently.events.sale_status import SaleStatus, sale_status
from evently.http.formatting import counted, moment


@dataclass(frozen=True)
class TodoItem:
    """`tone` is bad, warn or note; `action` is the link's words."""

    event: Event
    tone: str
    sign: str
    words: str
    action: str
    address: str


def todo_item_of(event: Event) -> TodoItem:
    """For an event found by `needs_attention`; what matters most about it."""
    state, left = sale_status(event), time_left(event)
    if state == SaleStatus.DRAFT:
        return TodoItem(event, "note", "pen", f"Still a draft, {left}", "Finish and publish", editor(event))
    if state == SaleStatus.SOON and event.sales_start:
        words = f"On sale from {moment(event.sales_start, event.timezone)}"
        return TodoItem(event, "note", "clock", words, "Change the sales window", editor(event, "sales_start"))
    if state == SaleStatus.SOLD_OUT:
        return TodoItem(event, "warn", "close", f"Sold out, {left}", "Open more seats", editor(event, "capacity"))
    if state == SaleStatus.FEW_LEFT:
        words = f"{counted(event.available_tickets, 'seat')} left, {left}"
        return TodoItem(event, "warn", "half", words, "Open more seats", editor(event, "capacity"))
    address = url_for("web.show_event", event_id=event.id)
    return TodoItem(event, "warn", "ticket", f"No ticket sold yet, {left}", "See what visitors see", address)


def editor(event: Event, field: str | None = None) -> str:
    """Where the event is changed, at this field."""
    return url_for("dashboard.edit_event", event_id=event.id, _anchor=field)


def time_left(event: Event) -> str:
    """`9 days to go`, by the calendar of the event's zone."""
    days = (event.local_time.date() - utc_now().astimezone(event.zone).date()).days
    return {0: "starts today", 1: "starts tomorrow"}.get(days, f"{counted(days, 'day')} to go")
