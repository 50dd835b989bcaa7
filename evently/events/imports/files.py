"""From a file's bytes to its rows, whatever the format. What cannot be read at all is refused here."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from evently.errors import Invalid
from evently.events.imports import tables
from evently.events.imports.rows import Row

# bytes; a file is read into memory as a whole
MAX_FILE_SIZE = 10 * 1024 * 1024
MAX_ROWS = 20_000


def _calendar_rows(text: str) -> Iterator[Row]:
    # Where it is needed: its library is large.
    from evently.events.imports.calendars import calendar_rows  # noqa: PLC0415

    return calendar_rows(text)


READERS: dict[str, Callable[[str], Iterable[Row]]] = {
    ".json": tables.json_rows,
    ".csv": tables.csv_rows,
    ".ics": _calendar_rows,
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class UnreadableFile(Invalid):
    """The file as a whole is of no use; the message says why."""

    default_code = "unreadable_file"


def read_rows(*, filename: str, content: bytes) -> list[Row]:
    """Every row of a .json, .csv or .ics file. Raises UnreadableFile."""
    reader = READERS.get(PurePath(filename).suffix.lower())
    if reader is None:
        raise UnreadableFile(f"Give a file that ends in {', '.join(READERS)}.")
    if len(content) > MAX_FILE_SIZE:
        raise UnreadableFile(f"The file is larger than {MAX_FILE_SIZE // 1024**2} MB; split it.")
    try:
        return list(_bounded(reader(_text(content))))
    except ValueError as error:
        raise UnreadableFile(str(error)) from error


def _bounded(rows: Iterable[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS:,} rows; split it.")
        yield row


def _text(content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        # Guessing an older encoding would turn names into other names without a word.
        raise UnreadableFile("The file is not UTF-8 text; save it as UTF-8.") from error
