"""From a row of a file to the fields of an event."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from evently.events.imports import values
from evently.events.imports.columns import Columns
from evently.events.imports.datetimes import EventTimes
from evently.events.models import CANCELLED, CATEGORIES, DRAFT, PUBLISHED
from evently.events.validation import LENGTHS, EventFields

ONLINE = "Online"
# Lists of words that may hold the category, and the category when they do not.
TAGS = {"topics": "conference", "categories": "other", "tags": "other", "keywords": "other"}
STATUSES = {"draft": DRAFT, "published": PUBLISHED, "cancelled": CANCELLED, "canceled": CANCELLED}
# What a row says in one cell and as it is.
_PLAIN: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("source_id", "name", "website"), values.line),
    "description": values.paragraphs,
    "currency": lambda cell: values.line(cell).upper(),
    "price_per_ticket": values.amount,
    **dict.fromkeys(("capacity", "max_tickets_per_booking", "max_tickets_per_user"), values.whole_number),
}


@dataclass
class ParsedRow:
    """What a row says.

    `fields` holds only what is in the row; `problems` what could not be read, by field; `local_start` is naive, and
    there only when the row leaves open in which zone it starts.
    """

    fields: EventFields = field(default_factory=EventFields)
    problems: dict[str, list[str]] = field(default_factory=dict)
    is_cancelled: bool = False
    local_start: dt.datetime | None = None


def read_fields(row: Mapping[str, Any], *, timezone: str) -> ParsedRow:
    """The fields in a row; `timezone` is that of dates and times which do not say theirs."""
    cells = Columns(row)
    found: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    moments = EventTimes(cells, default_zone=timezone)
    for name, read in _readers(cells, moments).items():
        try:
            value = read()
        except ValueError as error:
            problems[name] = [str(error)]
        else:
            if value is not None:
                found[name] = value
    is_cancelled = found.get("status") == CANCELLED
    if is_cancelled:
        del found["status"]
    return ParsedRow(cast("EventFields", found), problems, is_cancelled, moments.local_start())


def _readers(cells: Columns, moments: EventTimes) -> dict[str, Callable[[], Any]]:
    def plain(name: str) -> Callable[[], Any]:
        return lambda: None if cells.first(name) is None else _PLAIN[name](cells.first(name))

    return {
        **{name: plain(name) for name in _PLAIN},
        "venue": lambda: _venue(cells),
        "summary": lambda: _summary(cells),
        "category": lambda: _category(cells),
        "status": lambda: _status(cells),
        "timezone": moments.timezone,
        "time": moments.start,
        "ends_at": moments.end,
        "sales_start": lambda: moments.day_begins("sales_start"),
        "sales_end": lambda: moments.day_is_over("sales_end"),
        "cancellation_deadline": lambda: moments.day_is_over("cancellation_deadline"),
    }


def _venue(cells: Columns) -> str | None:
    """The house and its city, else city and country, else "Online" for what says that it is."""
    house, city, country = (cells.text(name) for name in ("venue", "city", "country"))
    if house:
        return house if city in house else f"{house}, {city}"
    if city or country:
        return ", ".join(part for part in (city, country) if part)
    return ONLINE if cells.flag("online") else None


def _summary(cells: Columns) -> str | None:
    if summary := cells.text("summary"):
        return summary
    tags, _ = _tags(cells)
    return f"Topics: {', '.join(tags)}"[: LENGTHS["summary"]] if tags else None


def _category(cells: Columns) -> str | None:
    if stated := cells.text("category"):
        return stated.lower()
    tags, otherwise = _tags(cells)
    return next((tag.lower() for tag in tags if tag.lower() in CATEGORIES), otherwise)


def _tags(cells: Columns) -> tuple[list[str], str | None]:
    name = next((name for name in TAGS if cells.first(name) is not None), None)
    return (values.split_list(cells.first(name)), TAGS[name]) if name else ([], None)


def _status(cells: Columns) -> str | None:
    if stated := cells.text("status").lower():
        if stated not in STATUSES:
            raise ValueError("Choose draft, published or cancelled.")
        return STATUSES[stated]
    is_active = cells.flag("is_active")
    return None if is_active is None else PUBLISHED if is_active else DRAFT
