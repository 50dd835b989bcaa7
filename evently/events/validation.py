"""What a sound event is. `problems` looks at plain values, so that pages, JSON and imports share the rules."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypedDict

from evently.database import utc_now
from evently.events.models import CATEGORIES, DRAFT, PUBLISHED
from evently.text import changes_direction, has_control_characters

LENGTHS = {"name": 200, "venue": 200, "summary": 300, "description": 20_000, "website": 500, "source_id": 500, "cancellation_note": 2000}
# Shown within other text, in the subject of mails and in calendars.
LINES = ("name", "venue", "summary")
MAX_CAPACITY = 1_000_000
MAX_PRICE = Decimal("99999999.99")
# Far years overflow once they are moments in another zone.
YEARS = range(1900, 3000)
DATETIME_FIELDS = ("time", "ends_at", "sales_start", "sales_end", "cancellation_deadline")
# The order of moments that must hold where both are given.
_ORDER = (
    ("ends_at", "time", "The end must not come before the start.", False),
    ("sales_end", "sales_start", "Sales must end after they begin.", True),
    ("time", "sales_end", "Sales must end when the event starts, or before.", False),
    ("time", "cancellation_deadline", "Cancelling must end before the event starts.", False),
)
# What of a new event must not be over already.
_MUST_BE_FUTURE = ("time", "sales_end", "cancellation_deadline")
# ISO 4217 codes people sell tickets in; a longer list only helps typing errors.
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "CAD", "AUD", "NZD", "JPY", "INR", "BRL", "ZAR")


class EventFields(TypedDict, total=False):
    """What an organizer says about an event. Moments are aware, the price is in `currency`."""

    source_id: str | None
    name: str
    summary: str
    venue: str
    website: str
    category: str
    time: dt.datetime
    ends_at: dt.datetime | None
    timezone: str
    currency: str
    capacity: int
    description: str
    price_per_ticket: Decimal
    sales_start: dt.datetime | None
    sales_end: dt.datetime | None
    max_tickets_per_booking: int | None
    max_tickets_per_user: int | None
    cancellation_deadline: dt.datetime | None
    sends_reminders: bool
    status: str


def validate(fields: Mapping[str, Any], *, allow_past: bool = False) -> dict[str, list[str]]:
    """What is wrong with these fields, by field; fields that are absent are not judged."""
    found: dict[str, list[str]] = {}
    for judge in (_texts, _choices, _numbers, _moments):
        found |= judge(fields)
    return found if allow_past else dates_in_past(fields, _MUST_BE_FUTURE) | found


def dates_in_past(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[str]]:
    """Which of these moments are over."""
    now = utc_now()
    return {name: ["Choose a moment in the future."] for name in names if fields.get(name) is not None and fields[name] <= now}


def _texts(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {name: [f"Use at most {length} characters."] for name, length in LENGTHS.items() if len(fields.get(name) or "") > length}
    found |= {name: ["This is needed."] for name in ("name", "venue") if name in fields and not (fields[name] or "").strip()}
    found |= {name: ["Remove the control characters."] for name in LENGTHS if has_control_characters(fields.get(name) or "")}
    found |= {
        name: ["Remove the characters that change the direction of text."] for name in LINES if changes_direction(fields.get(name) or "")
    }
    website = fields.get("website")
    if website and not website.startswith(("https://", "http://")):
        found["website"] = ["Begin with https:// or http://."]
    return found


def _choices(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    choices = {
        "category": (CATEGORIES, "Choose one of the categories."),
        "currency": (CURRENCIES, "Choose one of the currencies."),
        "status": ((DRAFT, PUBLISHED), "Choose draft or published."),
        "timezone": (known_timezones(), "Choose a time zone like Europe/Berlin."),
    }
    return {name: [message] for name, (allowed, message) in choices.items() if name in fields and fields[name] not in allowed}


def _numbers(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {}
    if "capacity" in fields and not 1 <= fields["capacity"] <= MAX_CAPACITY:
        found["capacity"] = [f"Choose 1 to {MAX_CAPACITY:,} seats."]
    for name in ("max_tickets_per_booking", "max_tickets_per_user"):
        if fields.get(name) is not None and not 1 <= fields[name] <= MAX_CAPACITY:
            found[name] = ["Choose 1 or more, or leave it empty."]
    price = fields.get("price_per_ticket")
    if price is not None and not (price.is_finite() and 0 <= price <= MAX_PRICE and price == round(price, 2)):
        found["price_per_ticket"] = [f"Choose 0 to {MAX_PRICE:,}, with at most two decimals."]
    return found


def _moments(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {
        name: [f"Choose a year from {YEARS.start} to {YEARS.stop - 1}."]
        for name in DATETIME_FIELDS
        if fields.get(name) is not None and fields[name].year not in YEARS
    }
    for later, earlier, message, strictly in _ORDER:
        after, before = fields.get(later), fields.get(earlier)
        if after is None or before is None:
            continue
        if after < before or (strictly and after == before):
            found[earlier if later == "time" else later] = [message]
    return found


@cache
def known_timezones() -> frozenset[str]:
    """Without what is a zone to the machine only: "localtime" is wherever it stands, "Factory" nowhere."""
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory"})
