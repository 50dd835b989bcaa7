"""iCalendar files (RFC 5545) as rows, by the icalendar library: one for each VEVENT."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from icalendar import Calendar
from icalendar.prop import vDDDTypes

from evently.events.imports.calendar_lines import NO_CALENDAR, relevant_lines
from evently.events.imports.rows import Row
from evently.events.validation import known_timezones

_TEXTS = {"SUMMARY": "name", "DESCRIPTION": "description", "LOCATION": "venue", "URL": "website"}
# A tentative event is not on sale yet.
_STATUSES = {"TENTATIVE": "draft", "CANCELLED": "cancelled"}


def calendar_rows(text: str) -> Iterator[Row]:
    """The calendar's events. Raises ValueError with a sentence for people when there is no calendar."""
    content = "".join(f"{line}\r\n" for line in relevant_lines(text))
    if zone := _group_of_zones(content):
        raise ValueError(f"The time zone {zone} does not exist.")
    try:
        # Lines and nothing else: a text without any would be taken for the path of a file.
        calendars = Calendar.from_ical(content, multiple=True)
    except MemoryError:
        raise
    # The library trips over bad files in many ways, and the file is at fault in each.
    except Exception as error:
        raise ValueError(NO_CALENDAR) from error
    number = 0
    for calendar in calendars:
        zone = str(calendar.get("X-WR-TIMEZONE", ""))
        for event in calendar.walk("VEVENT"):
            number += 1
            values = {name: str(event[key]) for key, name in _TEXTS.items() if event.get(key)}
            try:
                yield Row(number, values | _facts(event, zone))
            except ValueError as error:
                yield Row(number, values, error=str(error))
            except OverflowError:
                yield Row(number, values, error="It ends at no date there is.")


def _group_of_zones(content: str) -> str:
    """A TZID such as Europe, which is a directory of the time zone database: each Python version fails differently for these."""
    named = set(re.findall(r';TZID="?([^":;,\r\n]+)', content, re.IGNORECASE))
    directories = {zone.rpartition("/")[0] for zone in known_timezones()} | {"posix", "right"}
    return next((zone for zone in sorted(named) if re.sub("^(posix|right)/", "", zone).strip("/") in directories), "")


def _facts(event: Any, zone: str) -> dict[str, Any]:
    """All that takes more than copying. Raises ValueError with what makes the event useless."""
    if "RRULE" in event or "RDATE" in event:
        raise ValueError("This event repeats; export each date as an event of its own.")
    # One date moved out of a series keeps the UID of the series.
    recurrence = _moment(event, "RECURRENCE-ID")
    start = _moment(event, "DTSTART")
    own_zone = getattr(getattr(start, "tzinfo", None), "key", "UTC")
    return {
        "source_id": str(event.get("UID", "")) + (f"#{recurrence.isoformat()}" if recurrence else ""),
        "categories": [str(name) for name in event.categories],
        "status": _STATUSES.get(str(event.get("STATUS", "")).upper(), ""),
        "time": start,
        "ends_at": _end(event, start),
        "timezone": zone if own_zone == "UTC" else own_zone,
    }


def _end(event: Any, start: dt.date | None) -> dt.date | None:
    end = _moment(event, "DTEND")
    if end is None and start is not None and "DURATION" in event:
        duration = event["DURATION"].dt if isinstance(event["DURATION"], vDDDTypes) else None
        if not isinstance(duration, dt.timedelta):
            raise ValueError("DURATION cannot be read.")
        end = start + duration
    if end is None or isinstance(end, dt.datetime):
        return end
    # RFC 5545, 3.6.1: an end without a time is the first day that the event no longer covers.
    last_day = end - dt.timedelta(days=1)
    return start if end == start else last_day


def _moment(event: Any, name: str) -> dt.date | None:
    """A date or a datetime. Raises ValueError for what is neither and for a zone nobody knows."""
    value = event.get(name)
    if value is None:
        return None
    # A value that could not be parsed is kept as vBroken, a name that came twice as a list.
    moment = value.dt if isinstance(value, vDDDTypes) else None
    if not isinstance(moment, dt.date):
        raise ValueError(f"{name} cannot be read.")  # noqa: TRY004 - the value is at fault, not its type
    if isinstance(moment, dt.datetime) and moment.tzinfo is None and "TZID" in value.params:
        raise ValueError(f"The time zone of {name}, {value.params['TZID']}, is unknown.")
    return moment
