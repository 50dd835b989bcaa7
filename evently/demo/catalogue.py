"""The demo events, from the tables in `events/*.toml`; the name of the file is the category.

Their dates follow today's, so that a site filled at any time has something on this weekend and something long over.
"""

import datetime as dt
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from evently.events.models import CANCELLED, PUBLISHED
from evently.events.validation import EventFields

FOLDER = Path(__file__).parent / "events"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, kw_only=True)
class Tickets:
    """What the demo attendee holds: given back since, or asked for too late to get any."""

    tickets: int
    is_given_back: bool = False
    is_late: bool = False


@dataclass(frozen=True, kw_only=True)
class DemoEvent:
    """One table of the files."""

    id: str
    category: str
    name: str
    summary: str
    # Markdown
    description: str
    venue: str
    timezone: str
    # The first such day after today, and so many weeks later; past are -2 and before.
    weekday: str
    weeks: int = 0
    # It starts at this time of the day and lasts `hours`, or until that time of its last day.
    at: str
    hours: float = 2
    days: int = 1
    until: str = ""
    price: float
    currency: str = "EUR"
    capacity: int
    # tickets confirmed; of a cancelled event, tickets that were
    sold: int = 0
    status: str = PUBLISHED
    max_tickets_per_booking: int | None = None
    max_tickets_per_user: int | None = None
    on_sale_in_days: int | None = None
    # before the start
    sales_end_hours: float | None = None
    cancel_hours: float | None = None
    attendee: Tickets | None = None

    def fields(self, now: dt.datetime) -> EventFields:
        """What an organizer would have typed at that moment."""
        start = self._start(now)
        return {
            "source_id": f"demo:{self.id}",
            "name": self.name,
            "summary": self.summary,
            "description": self.description.strip(),
            "venue": self.venue,
            "category": self.category,
            "timezone": self.timezone,
            "time": start,
            "ends_at": self._end(start),
            "price_per_ticket": Decimal(str(self.price)),
            "currency": self.currency,
            "capacity": self.capacity,
            "max_tickets_per_booking": self.max_tickets_per_booking,
            "max_tickets_per_user": self.max_tickets_per_user,
            "sales_start": None if self.on_sale_in_days is None else _noon(now, self.on_sale_in_days, self.timezone),
            "sales_end": _before(start, self.sales_end_hours),
            "cancellation_deadline": _before(start, self.cancel_hours),
            # It is published first: what is cancelled was on sale once.
            "status": PUBLISHED if self.status == CANCELLED else self.status,
        }

    def _start(self, now: dt.datetime) -> dt.datetime:
        today = now.astimezone(zone := ZoneInfo(self.timezone)).date()
        days = (WEEKDAYS.index(self.weekday) - today.weekday() - 1) % 7 + 1
        return dt.datetime.combine(today + dt.timedelta(days=days, weeks=self.weeks), dt.time.fromisoformat(self.at), zone)

    def _end(self, start: dt.datetime) -> dt.datetime:
        if not self.until:
            return start + dt.timedelta(hours=self.hours)
        last_day = start.date() + dt.timedelta(days=self.days - 1)
        return dt.datetime.combine(last_day, dt.time.fromisoformat(self.until), start.tzinfo)


def demo_events() -> list[DemoEvent]:
    """Every one, in the order of the files."""
    return [
        _event(table, category=path.stem)
        for path in sorted(FOLDER.glob("*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["event"]
    ]


def _event(table: dict[str, Any], *, category: str) -> DemoEvent:
    attendee = table.pop("attendee", None)
    return DemoEvent(**table, category=category, attendee=Tickets(**attendee) if attendee else None)


def _before(start: dt.datetime, hours: float | None) -> dt.datetime | None:
    return None if hours is None else start - dt.timedelta(hours=hours)


def _noon(now: dt.datetime, days: int, timezone: str) -> dt.datetime:
    return dt.datetime.combine(now.date() + dt.timedelta(days=days), dt.time(12), ZoneInfo(timezone))
