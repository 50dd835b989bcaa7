"""Cells of a file as values. Each reader raises ValueError with a sentence that says how to write it."""

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from evently.events.validation import YEARS
from evently.text import has_control_characters

DATETIME_HINT = "Write it like 2026-05-01 or 2026-05-01T19:30."
MAX_ITEMS = 10**12
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(:\d{2})?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)")
_THOUSANDS = re.compile(r"\d{1,3}([ ,.’'\u00a0\u202f]\d{3})+")
# A spreadsheet would run this: =HYPERLINK(…), @SUM(1), -2+3+cmd|'…'.
_FORMULA = re.compile(r"=|[+\-@]\S*[(|]")
_TRUE, _FALSE = {"true", "yes", "y", "1", "x"}, {"false", "no", "n", "0"}


def line(value: Any) -> str:
    """One line of text, its white space tidied; nothing that a spreadsheet would run when the list is exported."""
    text = " ".join(paragraphs(value).split())
    if _FORMULA.match(text):
        raise ValueError("This looks like a formula of a spreadsheet; write it as plain text.")
    return text


def paragraphs(value: Any) -> str:
    """Text with its line breaks, as Unix has them; no other control characters."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError("Write it as text.")  # noqa: TRY004 - every reader raises the same error
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").strip()
    if has_control_characters(text):
        raise ValueError("Remove the control characters.")
    return text


def split_list(value: Any) -> list[str]:
    """A list of words, or a text that separates them by commas, semicolons or bars."""
    return [line(item) for item in (value if isinstance(value, list) else re.split(r"[,;|]", paragraphs(value)))]


def whole_number(value: Any) -> int:
    text = line(value)
    if _THOUSANDS.fullmatch(text):
        text = re.sub(r"\D", "", text)
    try:
        number = _decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    # The bound keeps 1e999999999 from being written out.
    if not (number.is_finite() and -MAX_ITEMS < number < MAX_ITEMS and number == number.to_integral_value()):
        raise ValueError("Write a whole number.")
    return int(number)


def amount(value: Any) -> Decimal:
    """A price without its currency; "free" is 0."""
    text = line(value)
    if text.lower() == "free":
        return Decimal(0)
    try:
        return _decimal(text if "." in text else text.replace(",", "."))
    except InvalidOperation:
        raise ValueError("Write a number like 12.50, without the currency.") from None


def _decimal(text: str) -> Decimal:
    """Raises InvalidOperation, also for what only Python takes for a number: `1_0`, which would be ten."""
    return Decimal("" if "_" in text else text)


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = line(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("Write true or false.")
    return text in _TRUE


def is_clock(value: Any) -> bool:
    """Whether this is a time of day and no date."""
    return isinstance(value, str) and _CLOCK.fullmatch(value.strip()) is not None


def parse_datetime(value: Any) -> dt.date:
    """A date or a datetime, from ISO 8601 or the day.month.year of a German spreadsheet."""
    if isinstance(value, str):
        value = _parsed(value.strip())
    if not isinstance(value, dt.date):
        raise ValueError(DATETIME_HINT)  # noqa: TRY004 - every reader raises the same error
    if value.year not in YEARS:
        raise ValueError(f"Choose a year from {YEARS.start} to {YEARS.stop - 1}.")
    return value


def combine_time(day: dt.date, clock: str) -> dt.datetime:
    """That day at a time like 19:30."""
    return dt.datetime.combine(day, dt.time.fromisoformat(clock.strip().zfill(5)))


def _parsed(text: str) -> dt.date:
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, rest = match.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest}"
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(DATETIME_HINT) from None
