"""Events as calendar programs take them (RFC 5545, RFC 7986)."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evently.events.models import CANCELLED, Event

if TYPE_CHECKING:
    import icalendar

PROGRAM = "-//Evently//Box office//EN"
# How often a program may look whether a feed has changed.
REFRESH = dt.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing in a calendar: when and where is the event's, the rest may be about a booking.

    `uid` never changes. `created` and `changed` count the versions: a program that knows a later one keeps it.
    """

    event: Event
    uid: uuid.UUID
    title: str
    description: str
    address: str
    is_cancelled: bool
    created: dt.datetime
    changed: dt.datetime


def event_entry(event: Event, *, address: str) -> Entry:
    """`address` is that of the event's page."""
    return Entry(
        event=event,
        uid=event.id,
        title=event.name,
        description="\n\n".join(part for part in (event.summary, address) if part),
        address=address,
        is_cancelled=event.status == CANCELLED,
        created=event.created_at,
        changed=event.updated_at,
    )


def calendar_file(entries: Sequence[Entry], *, name: str, is_feed: bool = False) -> bytes:
    """A file to import, or a feed to subscribe to."""
    import icalendar  # noqa: PLC0415 - large, and of calendars only

    calendar = icalendar.Calendar()
    _fill(calendar, {"prodid": PROGRAM, "version": "2.0", "calscale": "GREGORIAN", "method": "PUBLISH"})
    if is_feed:
        _fill(calendar, {"name": name, "x-wr-calname": name, "refresh-interval": REFRESH, "x-published-ttl": "PT1H"})
    for entry in entries:
        calendar.add_component(_component(entry))
    if entries:
        years = [entry.event.local_time.year for entry in entries]
        # Zones with the changes of their clocks in these years, rather than in a century.
        calendar.add_missing_timezones(first_date=dt.date(min(years) - 1, 1, 1), last_date=dt.date(max(years) + 2, 1, 1))
    written: bytes = calendar.to_ical()
    return written


def _component(entry: Entry) -> "icalendar.Event":
    import icalendar  # noqa: PLC0415 - as above

    event, component = entry.event, icalendar.Event()
    fields: dict[str, Any] = {
        "uid": str(entry.uid),
        "summary": entry.title,
        "dtstart": event.local_time,
        "dtend": event.ends_at.astimezone(event.zone) if event.ends_at else None,
        "location": event.venue,
        "description": entry.description,
        "url": entry.address,
        "categories": [event.category],
        "status": "CANCELLED" if entry.is_cancelled else "CONFIRMED",
        "sequence": max(0, int((entry.changed - entry.created).total_seconds())),
        "created": entry.created,
        "last-modified": entry.changed,
        "dtstamp": entry.changed,
    }
    _fill(component, fields)
    return component


def _fill(component: "icalendar.Component", fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if value is not None:
            component.add(name, value)
