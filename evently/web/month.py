"""A month of the calendar view: weeks of days, with what is on."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from zoneinfo import ZoneInfo

from evently.events.calendar_queries import CalendarItem
from evently.http.formatting import MONTHS

# What a day shows; the rest is a click away, and the page stays small.
SHOWN = 4
# Years that an address may ask for.
FIRST, LAST = dt.date(2000, 1, 1), dt.date(2999, 12, 1)


@dataclass(frozen=True)
class Day:
    date: dt.date
    is_out: bool
    items: Sequence[CalendarItem] = ()

    @property
    def shown(self) -> Sequence[CalendarItem]:
        """One that would stand alone behind a "1 more" may as well stand here."""
        return self.items if len(self.items) == SHOWN + 1 else self.items[:SHOWN]

    @property
    def hidden(self) -> int:
        return len(self.items) - len(self.shown)


@dataclass(frozen=True)
class Month:
    """`first` is its first day. Days that fill its first and last week show nothing."""

    first: dt.date
    weeks: Sequence[Sequence[Day]]
    total: int

    @property
    def name(self) -> str:
        return month_name(self.first)

    @property
    def previous(self) -> dt.date | None:
        return None if self.first <= FIRST else first_of(self.first - dt.timedelta(days=1))

    @property
    def next(self) -> dt.date | None:
        return None if self.first >= LAST else following(self.first)


def month_of(first: dt.date, items: Iterable[CalendarItem]) -> Month:
    """The month that begins with `first`; every event stands on the day when it begins, where it takes place."""
    by_day: dict[dt.date, list[CalendarItem]] = defaultdict(list)
    after, total = following(first), 0
    starts = ((item.time.astimezone(ZoneInfo(item.timezone)).replace(tzinfo=None), item) for item in items)
    for start, item in sorted(starts, key=itemgetter(0)):
        if first <= (day := start.date()) < after:
            by_day[day].append(item)
            total += 1
    monday = first - dt.timedelta(days=first.weekday())
    days = [monday + dt.timedelta(days=number) for number in range((after - monday).days + -after.weekday() % 7)]
    shown = [Day(day, not first <= day < after, by_day.get(day, ())) for day in days]
    return Month(first, [shown[start : start + 7] for start in range(0, len(shown), 7)], total)


def first_of(day: dt.date) -> dt.date:
    return day.replace(day=1)


def following(first: dt.date) -> dt.date:
    """The first day of the month after."""
    return first_of(first + dt.timedelta(days=32))


def month_name(day: dt.date) -> str:
    """`December 2026`."""
    return f"{MONTHS[day.month - 1]} {day.year}"


def read_month(value: str) -> dt.date | None:
    """`2026-12`, or None for what is no month."""
    try:
        first = dt.date.fromisoformat(f"{value}-01")
    except ValueError:
        return None
    return first if FIRST <= first <= LAST else None
