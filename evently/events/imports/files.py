"""From a file's bytes to its rows, whatever the format. What cannot be read at all is refused here."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

from evently.errors import Invalid
from evently.events.imports import tables
from evently.events.imports.rows import MAX_ROWS, TOO_MANY_ROWS, Row

# bytes; a file is read into memory as a whole
MAX_FILE_SIZE = 10 * 1024 * 1024


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


def check_file(*, filename: str, content: bytes) -> None:
    """What takes no time to see. Raises UnreadableFile."""
    if _suffix(filename) not in READERS:
        raise UnreadableFile(f"Give a file that ends in {', '.join(READERS)}.")
    if len(content) > MAX_FILE_SIZE:
        raise UnreadableFile(f"The file is larger than {MAX_FILE_SIZE // 1024**2} MB; split it.")
    if not content.strip():
        raise UnreadableFile("The file is empty.")


def read_rows(*, filename: str, content: bytes) -> Iterator[Row]:
    """Every row of a .json, .csv or .ics file, which may take long: see reading.py. Raises UnreadableFile."""
    check_file(filename=filename, content=content)
    count = 0
    try:
        for count, row in enumerate(READERS[_suffix(filename)](_text(content)), start=1):
            if count > MAX_ROWS:
                raise UnreadableFile(TOO_MANY_ROWS)
            yield row
    except ValueError as error:
        raise UnreadableFile(str(error)) from error
    if not count:
        raise UnreadableFile("There are no events in this file.")


def _suffix(filename: str) -> str:
    return PurePath(filename).suffix.lower()


def _text(content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        # Guessing an older encoding would turn names into other names without a word.
        raise UnreadableFile("The file is not UTF-8 text; save it as UTF-8.") from error
