"""JSON and CSV files as rows.

Both raise ValueError with a sentence for people when the file as a whole cannot be read.
"""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal

from evently.events.imports.rows import Row

# In a JSON file: entries of lists and fields of objects, all together. Of a row: fields, or columns of a table.
MAX_VALUES, MAX_FIELDS = 1_000_000, 200
# characters
MAX_LINE = 1_000_000
# Where a JSON object keeps its list.
_LISTS = ("events", "results", "items", "data")
_DELIMITERS = ",;\t"


def json_rows(text: str) -> Iterator[Row]:
    """The entries of a list of objects, or of an object that has such a list as "events", "results", "items" or "data"."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise ValueError(f"This JSON holds more than {MAX_VALUES:,} values; split it.")
    try:
        # Numbers as written: 12.10 must not become 12.0999…; NaN becomes a Decimal that no rule accepts.
        document = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("This JSON holds a number too long or lists too deep to read.") from error
    if isinstance(document, dict):
        document = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    if not isinstance(document, list):
        raise ValueError('There is no list of events; write [{"name": …}, …].')  # noqa: TRY004 - one error for every unreadable file
    for number, record in enumerate(document, start=1):
        yield _entry(number, record)


def csv_rows(text: str) -> Iterator[Row]:
    """The records below the heading; separated by commas, semicolons or tabs, whichever the heading has most of."""
    heading_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=heading_line.count)
    records = csv.reader(_bounded_lines(text.lstrip()), delimiter=delimiter, strict=True)
    try:
        heading = next(records, [])
        if len(heading) > MAX_FIELDS:
            raise ValueError(f"There are more than {MAX_FIELDS} columns.")
        if not any(cell.strip() for cell in heading):
            raise ValueError("The file is empty; the first line must name the columns.")
        for number, cells in enumerate(records, start=2):
            if any(cell.strip() for cell in cells):
                yield _row(number, heading, cells)
    except csv.Error as error:
        if "field limit" in str(error):
            raise ValueError(f"A cell near line {records.line_num:,} is longer than {csv.field_size_limit():,} characters.") from error
        raise ValueError(f"This is not CSV: {error} near line {records.line_num}.") from error


def _entry(number: int, record: object) -> Row:
    if not isinstance(record, dict):
        return Row(number, error="This is not an object with fields.")
    if len(record) > MAX_FIELDS:
        return Row(number, error=f"There are more than {MAX_FIELDS} fields.")
    return Row(number, record)


def _bounded_lines(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > MAX_LINE:
            raise ValueError(f"Line {number:,} is longer than {MAX_LINE:,} characters.")
        yield line


def _row(number: int, heading: list[str], cells: list[str]) -> Row:
    error = ""
    if any(cell.strip() for cell in cells[len(heading) :]):
        error = f"There are {len(cells)} cells for {len(heading)} columns; put cells that hold the delimiter in quotes."
    return Row(number, dict(zip(heading, cells, strict=False)), error)
