"""How dates, money and numbers read, the same on pages and in mails. Everything here is a Jinja filter too."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask

from evently.accounts.display_names import public_name
from evently.database import utc_now
from evently.events.descriptions import description_html
from evently.events.models import Event
from evently.events.posters import poster_version
from evently.events.sale_status import sale_status

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
SYMBOLS = {
    "EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$",
    "CAD": "CA$", "AUD": "A$", "NZD": "NZ$",
}  # fmt: skip
NUMBER_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
# What ends within this time of its start is one evening, even past midnight.
SAME_EVENING_MAX = dt.timedelta(hours=12)


def init_app(app: Flask) -> None:
    numbers = (money, price, counted, in_words)
    moments = (moment, moment_long, day, day_long, clock, clock_seconds, zone)
    events = (when, when_long, description_html, poster_version, sale_status, public_name)
    app.jinja_env.filters.update({function.__name__: function for function in (*numbers, *moments, *events)})


def money(amount: Decimal, currency: str) -> str:
    """`€1,150.00`, or `SEK 90.00` where there is no sign everybody knows. Yen have no decimals."""
    decimals = 0 if currency == "JPY" else 2
    return f"{SYMBOLS.get(currency, currency + NO_BREAK_SPACE)}{amount:,.{decimals}f}"


def price(amount: Decimal, currency: str) -> str:
    """What it costs: money, or "Free"."""
    return money(amount, currency) if amount else "Free"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 ticket`, `1,204 tickets`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def in_words(number: int) -> str:
    """`Two`, for the start of a sentence; digits beyond twelve."""
    return NUMBER_WORDS[number] if 0 <= number < len(NUMBER_WORDS) else f"{number:,}"


def wait_in_words(seconds: int) -> str:
    """`35 seconds`, `15 minutes`, `3 hours`; rounded up."""
    if seconds < 120:
        return counted(seconds, "second")
    return counted(-(-seconds // 60), "minute") if seconds < 7200 else counted(-(-seconds // 3600), "hour")


def moment(value: dt.datetime, timezone: str) -> str:
    """`Sat 28 Nov, 20:30 CET`, with the year when it is not this one."""
    return f"{day(value, timezone)}, {clock(value, timezone)} {zone(value, timezone)}"


def moment_long(value: dt.datetime, timezone: str) -> str:
    """`Saturday 28 November 2026, 20:30 CET`."""
    return f"{day_long(value, timezone)}, {clock(value, timezone)} {zone(value, timezone)}"


def day(value: dt.datetime, timezone: str) -> str:
    """`Sat 28 Nov`, with the year when it is not this one."""
    local = value.astimezone(ZoneInfo(timezone))
    year = "" if local.year == utc_now().astimezone(local.tzinfo).year else f" {local.year}"
    return f"{WEEKDAYS[local.weekday()][:3]} {local.day} {MONTHS[local.month - 1][:3]}{year}"


def day_long(value: dt.datetime, timezone: str) -> str:
    """`Saturday 28 November 2026`."""
    local = value.astimezone(ZoneInfo(timezone))
    return f"{WEEKDAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local.year}"


def clock(value: dt.datetime, timezone: str) -> str:
    """`20:30`."""
    return f"{value.astimezone(ZoneInfo(timezone)):%H:%M}"


def clock_seconds(value: dt.datetime, timezone: str) -> str:
    """`20:30:07`."""
    return f"{value.astimezone(ZoneInfo(timezone)):%H:%M:%S}"


def zone(value: dt.datetime, timezone: str) -> str:
    """`CET`, or `UTC+3` where the zone has no letters of its own."""
    name = value.astimezone(ZoneInfo(timezone)).tzname() or timezone
    if not name.startswith(("+", "-")):
        return name
    hours, minutes = name[1:3].lstrip("0") or "0", name[3:5]
    sign = "+" if name[0] == "+" else "\N{MINUS SIGN}"
    return f"UTC{sign}{hours}{':' + minutes if minutes.strip('0') else ''}"


def when(event: Event) -> str:
    """`Sat 28 Nov, 20:30 CET`; for several days `Sat 28 – Mon 30 Nov, 20:30 CET`."""
    last_day = _last_day(event)
    if last_day is None:
        return moment(event.time, event.timezone)
    first, last = day(event.time, event.timezone), day(last_day, event.timezone)
    # The month, and the year, once where both days share it.
    if first.split()[2:] == last.split()[2:]:
        first = " ".join(first.split()[:2])
    return f"{first} – {last}, {clock(event.time, event.timezone)} {zone(event.time, event.timezone)}"


def when_long(event: Event) -> str:
    """`Saturday 28 November 2026, 20:30–22:30 CET`, or from one such moment to another."""
    if event.ends_at is None or event.ends_at == event.time:
        return moment_long(event.time, event.timezone)
    first, letters = day_long(event.time, event.timezone), zone(event.time, event.timezone)
    start, end = clock(event.time, event.timezone), clock(event.ends_at, event.timezone)
    if _last_day(event) is None:
        return f"{first}, {start}–{end} {letters}"
    return f"{first}, {start} – {day_long(event.ends_at, event.timezone)}, {end} {letters}"


def _last_day(event: Event) -> dt.datetime | None:
    """The end, when the event takes several days."""
    if event.ends_at is None or event.ends_at - event.time <= SAME_EVENING_MAX:
        return None
    is_same_day = event.ends_at.astimezone(event.zone).date() == event.local_time.date()
    return None if is_same_day else event.ends_at
