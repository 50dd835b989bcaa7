"""The days that a report is about, as its address says them, and the steps in which a chart shows them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evently.database import utc_now
from evently.http.formatting import MONTHS

# value in the address: (days, words)
PRESETS: dict[str, tuple[int | None, str]] = {
    "7": (7, "7 days"),
    "": (30, "30 days"),
    "90": (90, "90 days"),
    "365": (365, "A year"),
    "all": (None, "All time"),
}
# days; nobody looks further back, and a chart has an end
MAX_DAYS = 3660
# Up to so many days are shown one by one, up to so many by the week; longer times by the month.
BY_DAY, BY_WEEK = 45, 300


@dataclass(frozen=True)
class Period:
    """From `first` to `last`, both included; without a first, from the beginning. Days are those of UTC."""

    first: dt.date | None
    last: dt.date
    # "dates" where the address names days
    preset: str

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "Period":
        """Whatever an address says that makes no sense counts as not said."""
        today = utc_now().date()
        first, last = (_day(args.get(name, ""), today) for name in ("from", "to"))
        if first or last:
            last = last or today
            return cls(min(first, last) if first else None, max(first or last, last), "dates")
        preset = args.get("days", "")
        preset = preset if preset in PRESETS else ""
        days = PRESETS[preset][0]
        return cls(today - dt.timedelta(days - 1) if days else None, today, preset)

    @property
    def days(self) -> int | None:
        return (self.last - self.first).days + 1 if self.first else None

    @property
    def before(self) -> dt.date | None:
        """Where the time before begins that is as long."""
        return self.first - dt.timedelta(self.days or 0) if self.first else None

    def arguments(self) -> dict[str, Any]:
        """What an address must say to find this again."""
        if self.preset != "dates":
            return {"days": self.preset} if self.preset else {}
        first = {"from": self.first.isoformat()} if self.first else {}
        return {**first, "to": self.last.isoformat()}

    def steps(self, earliest: dt.date | None, *, is_daily: bool = False) -> list["Step"]:
        """One after the other, without a gap; without a first day, from the earliest that there is anything of."""
        first = self.first or max(min(earliest or self.last, self.last), self.last - dt.timedelta(MAX_DAYS))
        length = (self.last - first).days + 1
        steps: list[Step] = []
        while first <= self.last:
            end = first if is_daily or length <= BY_DAY else _end_of_week(first) if length <= BY_WEEK else _end_of_month(first)
            steps.append(Step(first, min(end, self.last), is_month=not is_daily and length > BY_WEEK))
            first = end + dt.timedelta(1)
        return steps


@dataclass(frozen=True)
class Step:
    """A day, a week from Monday or a month; the first and the last may be cut."""

    first: dt.date
    last: dt.date
    is_month: bool = False

    @property
    def label(self) -> str:
        """Below a bar: `9 Nov`, `Nov 26`."""
        month = MONTHS[self.first.month - 1][:3]
        return f"{month} {self.first:%y}" if self.is_month else f"{self.first.day} {month}"

    @property
    def words(self) -> str:
        """In a table: `9 Nov 2026`, `9 – 15 Nov 2026`, `November 2026`."""
        if self.is_month:
            return f"{MONTHS[self.first.month - 1]} {self.first.year}"
        end = f"{self.last.day} {MONTHS[self.last.month - 1][:3]} {self.last.year}"
        if self.first == self.last:
            return end
        is_same = self.first.month == self.last.month
        return f"{self.first.day} – {end}" if is_same else f"{self.first.day} {MONTHS[self.first.month - 1][:3]} – {end}"


def _day(text: str, today: dt.date) -> dt.date | None:
    try:
        return max(min(dt.date.fromisoformat(text), today), today - dt.timedelta(MAX_DAYS))
    except ValueError:
        return None


def _end_of_week(day: dt.date) -> dt.date:
    return day + dt.timedelta(6 - day.weekday())


def _end_of_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(32)).replace(day=1) - dt.timedelta(1)
