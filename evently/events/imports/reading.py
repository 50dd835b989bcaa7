"""Files are read in a child process, which answers with their rows as JSON, one a line and within bounds.

Dates and decimals become text there, which fields.py takes just as well.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, overload

from evently import child_process
from evently.child_process import LimitExceeded, Limits
from evently.events.imports.files import UnreadableFile, check_file, read_rows
from evently.events.imports.rows import Row

# The largest calendars with MAX_ROWS events take a sixth of this; seconds are more, for machines with other work.
LIMITS = Limits(cpu_seconds=60, seconds=240, megabytes=300)
# bytes; cells are cut beyond every length that a field may have, and so are their names and their lists
MAX_RESULT, MAX_CELL, MAX_NAME, MAX_ITEMS = 16 * 1024 * 1024, 25_000, 100, 200

TOO_COSTLY = "This file could not be read: it takes too much time or memory. Split it, or leave out all but the events."

PROBLEM = b"!"


def read_file(*, filename: str, content: bytes, keep_going: Callable[[], bool] = lambda: True) -> bytes:
    """The rows of a file, for `StoredRows`.

    Raises UnreadableFile, and Cancelled when `keep_going`, which is called every few seconds, returns False.
    """
    check_file(filename=filename, content=content)
    function = f"{__name__}:read_in_child"
    try:
        result = child_process.call(function, content, filename, limits=LIMITS, keep_going=keep_going)
    except LimitExceeded:
        raise UnreadableFile(TOO_COSTLY) from None
    if result.startswith(PROBLEM):
        raise UnreadableFile(result.removeprefix(PROBLEM).decode())
    return result


class StoredRows(Sequence[Row]):
    """What `read_file` gave. Each row is made when it is asked for: thousands at once would take ten times the memory."""

    def __init__(self, stored: bytes) -> None:
        self._lines = stored.splitlines()

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        return [_row(line) for line in self._lines[place]] if isinstance(place, slice) else _row(self._lines[place])


def _row(line: bytes) -> Row:
    return Row(*json.loads(line.decode(errors="surrogatepass")))


def read_in_child(content: bytes, filename: str) -> bytes:
    """What `read_file` gets from the child: rows, which are JSON lists, or PROBLEM and a sentence."""
    try:
        return b"\n".join(_encoded(filename, content))
    except UnreadableFile as error:
        return PROBLEM + error.message.encode()


def _encoded(filename: str, content: bytes) -> Iterator[bytes]:
    size = 0
    for row in read_rows(filename=filename, content=content):
        encoded = json.dumps([row.number, _cells(row.values), row.error], ensure_ascii=False).encode(errors="surrogatepass")
        size += len(encoded)
        if size > MAX_RESULT:
            raise UnreadableFile("The file holds too much text; split it.")
        yield encoded


def _cells(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are empty, which count for nothing."""
    return {name[:MAX_NAME]: _cell(value) for name, value in values.items() if value not in ("", None)}


def _cell(value: object) -> Any:
    if isinstance(value, list):
        # What is nested is no text, and is refused as that.
        return [None if isinstance(item, list | dict) else _cell(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {}
    if isinstance(value, str):
        return value[:MAX_CELL]
    if isinstance(value, Decimal):
        return str(value)[:MAX_CELL]
    return value.isoformat() if isinstance(value, dt.date) else value
