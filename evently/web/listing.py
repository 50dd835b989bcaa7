"""The search of the front page: what its address says, as filters, as chips, and as an address again."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from evently.events.filters import EventFilters
from evently.http.formatting import MONTHS
from evently.http.pagination import page_number
from evently.http.query_params import choice, day_start, text
from evently.web.month import first_of, following, read_month

PRESETS = {"": "Any day", "today": "Today", "weekend": "This weekend", "month": "This month", "range": "Pick dates"}
PRICES = {"": "Any price", "0": "Free", "20": "Up to 20", "50": "Up to 50", "100": "Up to 100"}
# value in the address: (ordering of the query, words)
SORTS = {"": ("time", "Soonest first"), "price": ("price_per_ticket", "Cheapest first"), "new": ("-created_at", "Newly added")}
ORDERINGS = {value: words for value, (_, words) in SORTS.items()}
VIEWS = {"": "List", "calendar": "Calendar"}
SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a visitor is looking for. Whatever an address says that makes no sense counts as not said."""

    search: str = ""
    when: str = ""
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    category: str = ""
    venue: str = ""
    price: str = ""
    available: bool = False
    sort: str = ""
    page: int = 1
    # a key of VIEWS; the calendar's month by its first day, None for that of the first day asked for
    view: str = ""
    month: dt.date | None = None

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "Listing":
        """From the arguments of an address."""
        date_from, date_to = _date(args.get("from", "")), _date(args.get("to", ""))
        when = choice(PRESETS, args.get("when", ""))
        if not when and "when" not in args and (date_from or date_to):
            when = "range"
        is_range = when == "range"
        return cls(
            search=text(args.get("q", "")),
            when=when,
            date_from=date_from if is_range else None,
            date_to=date_to if is_range else None,
            category=text(args.get("category", "")),
            venue=text(args.get("venue", ""), 200),
            price=choice(PRICES, args.get("price", "")),
            available=bool(args.get("available")),
            sort=choice(SORTS, args.get("sort", "")),
            page=page_number(args),
            view=choice(VIEWS, args.get("view", "")),
            month=read_month(args.get("month", "")),
        )

    def filters(self, now: dt.datetime, zone: ZoneInfo) -> EventFilters:
        """For the query; days begin at midnight in `zone`."""
        first, last = self._days(now.astimezone(zone).date())
        return EventFilters(
            search=self.search,
            venue=self.venue,
            category=self.category,
            date_from=day_start(first, zone),
            date_to=day_start(last + dt.timedelta(days=1), zone) if last else None,
            max_price=Decimal(self.price) if self.price else None,
            is_upcoming=True,
            # A cancelled event has seats, but none that one can have.
            is_active=True if self.available else None,
            has_seats=self.available,
            ordering=SORTS[self.sort][0],
        )

    def settled(self, today: dt.date) -> "Listing":
        """The same search without a month that its dates leave nothing of."""
        return self if self.month is None or self.reaches(self.month, today) else replace(self, month=None)

    def month_shown(self, today: dt.date) -> dt.date:
        """The first day of the month that the calendar shows."""
        first_day, last_day = self._days(today)
        return self.month or first_of(first_day or min(today, last_day or today))

    def reaches(self, month: dt.date, today: dt.date) -> bool:
        """Whether the dates asked for leave a day of the month that begins then."""
        first_day, last_day = self._days(today)
        return (first_day is None or first_day < following(month)) and (last_day is None or month <= last_day)

    def _days(self, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
        """First and last day, both included."""
        if self.when == "today":
            return today, today
        if self.when == "weekend":
            saturday = today + dt.timedelta(days=SATURDAY - today.weekday())
            return max(today, saturday), saturday + dt.timedelta(days=1)
        if self.when == "month":
            next_month = (today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
            return today, next_month - dt.timedelta(days=1)
        return self.date_from, self.date_to

    def arguments(self) -> dict[str, Any]:
        """What an address must say to find this again; nothing that is said anyway. Pages begin anew."""
        said = {
            "q": self.search,
            "when": self.when,
            "from": self.date_from.isoformat() if self.date_from else "",
            "to": self.date_to.isoformat() if self.date_to else "",
            "category": self.category,
            "venue": self.venue,
            "price": self.price,
            "available": "1" if self.available else "",
            "sort": self.sort,
            "view": self.view,
            "month": f"{self.month:%Y-%m}" if self.view and self.month else "",
        }
        return {name: value for name, value in said.items() if value}

    def without(self, *names: str) -> dict[str, Any]:
        """The same search with some filters taken away."""
        return {name: value for name, value in self.arguments().items() if name not in names}

    def page_address(self, number: int) -> str:
        """The same search on another page; a calendar has months instead."""
        page = {"page": number} if number > 1 and not self.view else {}
        return url_for("web.list_events", **(self.arguments() | page))

    def month_address(self, first: dt.date) -> str:
        """The same search in the calendar of this month."""
        return url_for("web.list_events", **(self.arguments() | {"view": "calendar", "month": f"{first:%Y-%m}"}))

    def day_address(self, day: dt.date) -> str:
        """The same search as a list of this day."""
        dates = {"when": "range", "from": day.isoformat(), "to": day.isoformat()}
        return url_for("web.list_events", **(self.without("view", "month") | dates))

    def view_address(self, view: str) -> str:
        """The same search in the other view."""
        return url_for("web.list_events", **(self.without("view", "month") | ({"view": view} if view else {})))

    def cleared_address(self) -> str:
        """Everything that is on, in the same view."""
        return url_for("web.list_events", **{name: value for name, value in self.arguments().items() if name in {"view", "month", "sort"}})

    def chips(self) -> list[tuple[str, tuple[str, ...]]]:
        """The filters in use: words, and the arguments that go when it is taken away."""
        chips: list[tuple[str, tuple[str, ...]]] = []
        if self.search:
            chips.append((f"“{self.search}”", ("q",)))
        if self.when and self.when != "range":
            chips.append((PRESETS[self.when], ("when",)))
        if self.date_from:
            chips.append((f"From {_day(self.date_from)}", ("from", *(() if self.date_to else ("when",)))))
        if self.date_to:
            chips.append((f"Until {_day(self.date_to)}", ("to", *(() if self.date_from else ("when",)))))
        chips += [(value.capitalize() if name == "category" else value, (name,)) for name, value in self._named()]
        if self.available:
            chips.append(("Seats left", ("available",)))
        return chips

    def _named(self) -> list[tuple[str, str]]:
        named = (("category", self.category), ("venue", self.venue), ("price", PRICES[self.price] if self.price else ""))
        return [(name, value) for name, value in named if value]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.chips())

    @property
    def is_dated(self) -> bool:
        """Whether taking the dates away would leave a search."""
        dates = {"when", "from", "to"}
        names = {name for _, taken in self.chips() for name in taken}
        return bool(names & dates) and bool(names - dates)

    def in_words(self) -> str:
        """`“organ”, this weekend, up to 20`."""
        words = [words for words, _ in self.chips()]
        return ", ".join([words[0], *(word if word.startswith("“") else word[0].lower() + word[1:] for word in words[1:])])


def _date(value: str) -> dt.date | None:
    try:
        date = dt.date.fromisoformat(value)
    except ValueError:
        return None
    # Far years overflow once they are moments in another zone.
    return date if 2000 <= date.year <= 2999 else None


def _day(date: dt.date) -> str:
    return f"{date.day} {MONTHS[date.month - 1][:3]} {date.year}"
