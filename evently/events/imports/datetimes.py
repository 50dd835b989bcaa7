"""When an event is, from the cells of its row, and what a date without a time means."""

import datetime as dt
from zoneinfo import ZoneInfo

from evently.events.imports import values
from evently.events.imports.columns import Columns
from evently.events.validation import known_timezones

# A date without a time means whole days: from this hour of the first to that hour of the last.
DEFAULT_START, DEFAULT_END = dt.time(9), dt.time(18)


class EventTimes:
    """The moments of one row; those that do not say their zone are in `zone`."""

    def __init__(self, cells: Columns, *, default_zone: str) -> None:
        self._cells = cells
        self._stated_zone = str(cells.first("timezone") or "").strip()
        self.zone = self._stated_zone or default_zone
        self._is_known = self.zone in known_timezones()

    def timezone(self) -> str | None:
        """The zone, when the row names one or its start depends on it. Raises ValueError for an unknown one."""
        if not self._is_known:
            raise ValueError("Choose a time zone like Europe/Berlin.")
        return self.zone if self._stated_zone or self.local_start() else None

    def local_start(self) -> dt.datetime | None:
        """The start as a clock on the wall shows it, when neither it nor the row says in which zone."""
        said = self._said_start()
        if said is None or self._stated_zone:
            return None
        said = said if isinstance(said, dt.datetime) else dt.datetime.combine(said, DEFAULT_START)
        return None if said.tzinfo else said

    def start(self) -> dt.datetime | None:
        return self._at(self._said("time"), DEFAULT_START)

    def end(self) -> dt.datetime | None:
        """None also for a mere date that is the day on which the event starts at some hour: it tells no end."""
        start, end = self._said_start(), self._said("ends_at")
        if isinstance(start, dt.datetime) and end == start.date():
            return None
        return self._at(end, DEFAULT_END)

    def day_begins(self, field: str) -> dt.datetime | None:
        return self._at(self._said(field), dt.time(0))

    def day_is_over(self, field: str) -> dt.datetime | None:
        """A date alone includes that day, as far as the event has not started."""
        said = self._said(field)
        if said is None or isinstance(said, dt.datetime):
            return self._at(said, dt.time(0))
        midnight, start = self._at(said + dt.timedelta(days=1), dt.time(0)), self._at(self._said_start(), DEFAULT_START)
        if midnight and start and start.astimezone(ZoneInfo(self.zone)).date() == said:
            return min(start, midnight)
        return midnight

    def _said_start(self) -> dt.date | None:
        """None also when it cannot be read: `start` complains about that, and nobody else needs to."""
        try:
            return self._said("time")
        except ValueError:
            return None

    def _said(self, field: str) -> dt.date | None:
        """A date or a datetime as the row has it: in one cell, or as a date and a time of day in two."""
        cells = self._cells.every(field)
        clock = next((cell for cell in cells if values.is_clock(cell)), None)
        days = [values.parse_datetime(cell) for cell in cells if not values.is_clock(cell)]
        if clock is None:
            return days[0] if days else None
        if days and not isinstance(days[0], dt.datetime):
            return values.combine_time(days[0], clock)
        if not days and field == "ends_at" and (start := self._said_start()):
            return values.combine_time(start, clock)
        raise ValueError(values.DATETIME_HINT)

    def _at(self, said: dt.date | None, hour: dt.time) -> dt.datetime | None:
        if said is None or not self._is_known:
            return None
        if not isinstance(said, dt.datetime):
            said = dt.datetime.combine(said, hour)
        # UTC, since a datetime in the hour that clocks repeat equals no datetime of another zone (PEP 495).
        return (said if said.tzinfo else said.replace(tzinfo=ZoneInfo(self.zone))).astimezone(dt.UTC)
