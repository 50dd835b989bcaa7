"""What a change to a published event does to the people who have booked, told before it is done."""

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from evently.accounts.models import User
from evently.bookings import check_in_window
from evently.bookings.check_in_stats import count_check_in_stats
from evently.bookings.queries import AudienceCount, count_attendees
from evently.dashboard import blueprint
from evently.dashboard.forms import EventForm
from evently.database import utc_now
from evently.events.models import PUBLISHED, Event
from evently.events.queries import get_managed_event
from evently.events.services import NOTIFIED_FIELDS
from evently.http.formatting import moment
from evently.http.htmx import render, wants_fragment
from evently.http.login import signed_in_user
from evently.notifications.queries import count_recipients

# What people are affected by, in the order of the form, in words.
RELEVANT_FIELDS = {"venue": "Venue", "time": "Starts", "ends_at": "Ends", "timezone": "Time zone", "capacity": "Seats"}


@dataclass(frozen=True)
class Change:
    """A field before and after, in words."""

    name: str
    words: str
    before: str
    after: str


@dataclass(frozen=True)
class ChangePreview:
    """What changes, for whom (`crowd` holds tickets or waits for some), and to how many `seats`; `sold` of them are taken."""

    changes: list[Change]
    crowd: AudienceCount
    seats: int
    seats_before: int
    sold: int
    # people who get a mail
    told: int
    # seats that have come in already, where the start changes, and whether those begin anew
    come_in: int = 0
    begins_anew: bool = False

    @property
    def asks(self) -> bool:
        """Whether somebody has to have seen it before it is done; what is refused anyway need not be asked for."""
        return bool(self.changes) and self.crowd.people > 0 and self.seats >= self.sold

    @property
    def mark(self) -> str:
        """The same for the same changes: what a form sends along to say that they were seen."""
        said = "\n".join(f"{change.name}: {change.before} → {change.after}" for change in self.changes)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


@blueprint.get("/events/<uuid:event_id>/impact")
def show_change_preview(event_id: uuid.UUID) -> Response:
    """The panel, while the form is being filled in; a page of its own for whoever comes here otherwise."""
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    form = EventForm(request.args, event=event)
    form.validate()
    values = {name: value for name, value in form.fields().items() if name in request.args and not form[name].errors}
    impact = preview_changes(by=user, event=event, values=values)
    return render(
        "dashboard/change_preview.html", "dashboard/_change_preview.html", event=event, impact=impact, is_fragment=wants_fragment()
    )


def preview_changes(*, by: User, event: Event, values: dict[str, Any]) -> ChangePreview | None:
    """Of these values of an event's fields; None for an event that nobody can have booked, or that is over."""
    after = {name: values.get(name, getattr(event, name)) for name in RELEVANT_FIELDS}
    if event.status != PUBLISHED or max(event.time, after["time"] or event.time) <= utc_now():
        return None
    changes = [
        Change(name, words, describe_changes(getattr(event, name), event.timezone), describe_changes(after[name], after["timezone"]))
        for name, words in RELEVANT_FIELDS.items()
        if after[name] != getattr(event, name)
    ]
    return ChangePreview(
        changes=changes,
        crowd=count_attendees(by=by, event_id=event.id),
        seats=after["capacity"],
        seats_before=event.capacity,
        sold=event.reserved_tickets,
        told=count_recipients(event.id) if any(change.name in NOTIFIED_FIELDS for change in changes) else 0,
        come_in=count_check_in_stats(event).inside if after["time"] != event.time else 0,
        begins_anew=check_in_window.is_different_date(event.time, after["time"]),
    )


def differences(form: EventForm, event: Event) -> list[Change]:
    """Where what is stored is not what was typed: first the one, then the other."""
    typed = {name: value.strip() if isinstance(value, str) else value for name, value in form.fields().items()}
    return [
        Change(
            name,
            str(form[name].label.text),
            describe_changes(getattr(event, name), event.timezone),
            describe_changes(value, event.timezone),
        )
        for name, value in typed.items()
        if name in form and value != getattr(event, name)
    ]


def describe_changes(value: Any, timezone: str) -> str:
    if value is None:
        return "not said"
    if isinstance(value, dt.datetime):
        return moment(value, timezone)
    return value or "nothing" if isinstance(value, str) else f"{value:,}"
