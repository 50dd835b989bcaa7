"""Events as calendar programs take them (RFC 5545, RFC 7986)."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evently.events.models import CANCELLED, Event

# bytes of a line
MAX_LINE_OCTETS = 75
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
    head = [("BEGIN", "VCALENDAR"), ("VERSION", "2.0"), ("PRODID", PROGRAM), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")]
    if is_feed:
        refresh = f"PT{REFRESH // dt.timedelta(hours=1)}H"
        head += [("NAME", _text(name)), ("X-WR-CALNAME", _text(name))]
        head += [("REFRESH-INTERVAL;VALUE=DURATION", refresh), ("X-PUBLISHED-TTL", refresh)]
    years = [entry.event.local_time.year for entry in entries]
    zones = sorted({entry.event.timezone for entry in entries} - {"UTC"})
    parts = [_lines(head), *(_zone(zone, min(years), max(years)) for zone in zones), *map(_event, entries)]
    return b"".join([*parts, b"END:VCALENDAR\r\n"])


@lru_cache(maxsize=256)
def _zone(name: str, first_year: int, last_year: int) -> bytes:
    """With the changes of its clocks in these years, rather than in a century. It takes longer than the rest of a file."""
    # Twelve megabytes, for files that few ask for.
    import icalendar  # noqa: PLC0415

    zone = icalendar.Timezone.from_tzid(name, first_date=dt.date(first_year - 1, 1, 1), last_date=dt.date(last_year + 2, 1, 1))
    written: bytes = zone.to_ical()
    return written


def _event(entry: Entry) -> bytes:
    event = entry.event
    zone = "" if event.timezone == "UTC" else f";TZID={event.timezone}"
    lines = [
        ("BEGIN", "VEVENT"),
        ("UID", str(entry.uid)),
        ("SUMMARY", _text(entry.title)),
        (f"DTSTART{zone}", _moment(event.local_time, zone)),
        (f"DTEND{zone}", _moment(event.ends_at.astimezone(event.zone), zone) if event.ends_at else ""),
        ("LOCATION", _text(event.venue)),
        ("DESCRIPTION", _text(entry.description)),
        ("URL", entry.address),
        ("CATEGORIES", _text(event.category)),
        ("STATUS", "CANCELLED" if entry.is_cancelled else "CONFIRMED"),
        ("SEQUENCE", str(max(0, int((entry.changed - entry.created).total_seconds())))),
        ("CREATED", _moment(entry.created.astimezone(dt.UTC))),
        ("LAST-MODIFIED", _moment(entry.changed.astimezone(dt.UTC))),
        ("DTSTAMP", _moment(entry.changed.astimezone(dt.UTC))),
        ("END", "VEVENT"),
    ]
    return _lines([(name, value) for name, value in lines if value])


def _moment(value: dt.datetime, zone: str = "") -> str:
    """`20311128T193000Z`; without the Z where a zone is named before it."""
    return f"{value:%Y%m%dT%H%M%S}{'' if zone else 'Z'}"


def _text(words: str) -> str:
    for sign, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n"), ("\r", "\\n")):
        words = words.replace(sign, escaped)
    return words


def _lines(properties: Sequence[tuple[str, str]]) -> bytes:
    """By hand: it takes a tenth of the library's time, and each confirmation of tickets comes with a file."""
    return b"".join(_folded(f"{name}:{value}".encode()) for name, value in properties)


def _folded(line: bytes) -> bytes:
    """In pieces of 75 bytes, none of which ends within a letter (RFC 5545, 3.1)."""
    pieces, start, room = [], 0, MAX_LINE_OCTETS
    while len(line) - start > room:
        end = start + room
        while line[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(line[start:end])
        # The next one begins with a space.
        start, room = end, MAX_LINE_OCTETS - 1
    return b"\r\n ".join([*pieces, line[start:]]) + b"\r\n"
