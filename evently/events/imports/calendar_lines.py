"""The lines of an iCalendar file that matter for events, in one pass and within bounds.

The library that reads them takes a hundred times as long for a line as this does, so it gets no others.
"""

import io
import re
from collections.abc import Iterator

from evently.events.imports.rows import MAX_ROWS, TOO_MANY_ROWS

MAX_DEPTH = 10
# Properties of one event or time zone, and lines of the whole file, that the library gets.
MAX_PROPERTIES, MAX_LINES = 100, 400_000
# characters, once folded lines are joined
MAX_LINE = 100_000
MAX_PARAMETERS, MAX_CATEGORIES = 50, 200
NO_CALENDAR = "This is not an iCalendar file; it begins with BEGIN:VCALENDAR and ends with END:VCALENDAR."

_TIMEZONE = {"TZID", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME", "RRULE", "RDATE"}
_PROPERTIES = {
    "VCALENDAR": {"X-WR-TIMEZONE"},
    "VEVENT": {
        "UID", "SUMMARY", "DESCRIPTION", "LOCATION", "URL", "CATEGORIES", "STATUS",
        "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "RRULE", "RDATE",
    },
    "VTIMEZONE": _TIMEZONE, "STANDARD": _TIMEZONE, "DAYLIGHT": _TIMEZONE,
}  # fmt: skip
_NAME = re.compile(r"([A-Za-z0-9-]+)[;:]")
# In place of what an event's repetition is like: that it repeats is all that matters.
_REPEATS = "RRULE:FREQ=DAILY"


def relevant_lines(text: str) -> Iterator[str]:
    """Lines as the library takes them. Raises ValueError with a sentence for people."""
    scan = _Scan()
    for number, line in _unfolded(text):
        yield from scan.keep(number, line)
    if scan.is_open or not scan.calendars:
        raise ValueError(NO_CALENDAR)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with where they begin in the file. One that is too long is cut, but stays too long."""
    begun, parts, length = 0, [""], 0
    for number, line in enumerate(io.StringIO(text), start=1):
        content = line.rstrip("\r\n")
        if content.startswith((" ", "\t")):
            if length <= MAX_LINE:
                parts.append(content[1:])
                length += len(content) - 1
        elif content:
            if length:
                yield begun, "".join(parts)
            begun, parts, length = number, [content], len(content)
    if length:
        yield begun, "".join(parts)


class _Scan:
    """Which component the lines are in, and how much of it there was."""

    def __init__(self) -> None:
        self.calendars = 0
        self._events = self._lines = 0
        # The names of the components that are open, and how many properties each has had.
        self._open: list[str] = []
        self._properties: list[int] = []

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    def keep(self, number: int, line: str) -> Iterator[str]:
        """The line, or what stands for it; nothing when it does not matter."""
        match = _NAME.match(line)
        name = match[1].upper() if match else ""
        if name in {"BEGIN", "END"}:
            kept = self._begin(line) if name == "BEGIN" else self._end(line)
        elif not self._open:
            raise ValueError(NO_CALENDAR)
        else:
            kept = self._property(number, name, line)
        if kept:
            self._lines += 1
            if self._lines > MAX_LINES:
                raise ValueError(f"The calendar has more than {MAX_LINES:,} lines about events; split it.")
            yield kept

    def _begin(self, line: str) -> str:
        component = line[len("BEGIN:") :].strip().upper()
        if not self._open and component != "VCALENDAR":
            raise ValueError(NO_CALENDAR)
        if len(self._open) == MAX_DEPTH:
            raise ValueError(f"The calendar is nested more than {MAX_DEPTH} levels deep.")
        self._open.append(component)
        self._properties.append(0)
        if not self._is_relevant():
            return ""
        self.calendars += component == "VCALENDAR"
        self._events += component == "VEVENT"
        if self._events > MAX_ROWS:
            raise ValueError(TOO_MANY_ROWS)
        return f"BEGIN:{component}"

    def _end(self, line: str) -> str:
        component = line[len("END:") :].strip().upper()
        if not self._open or self._open[-1] != component:
            raise ValueError(NO_CALENDAR)
        kept = f"END:{component}" if self._is_relevant() else ""
        self._open.pop()
        self._properties.pop()
        return kept

    def _property(self, number: int, name: str, line: str) -> str:
        component = self._open[-1]
        if not self._is_relevant() or name not in _PROPERTIES[component]:
            return ""
        self._properties[-1] += 1
        if self._properties[-1] > MAX_PROPERTIES:
            raise ValueError(f"Line {number:,}: there are more than {MAX_PROPERTIES} properties in one {component}.")
        if len(line) > MAX_LINE:
            raise ValueError(f"Line {number:,} is longer than {MAX_LINE:,} characters.")
        if line.partition(":")[0].count(";") > MAX_PARAMETERS:
            raise ValueError(f"Line {number:,} has more than {MAX_PARAMETERS} parameters.")
        if name == "CATEGORIES" and line.count(",") >= MAX_CATEGORIES:
            raise ValueError(f"Line {number:,} has more than {MAX_CATEGORIES} categories.")
        return _REPEATS if component == "VEVENT" and name in {"RRULE", "RDATE"} else line

    def _is_relevant(self) -> bool:
        return all(component in _PROPERTIES for component in self._open)
