"""What every reader of files makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_ROWS = 20_000
TOO_MANY_ROWS = f"The file has more than {MAX_ROWS:,} events; split it."


@dataclass(frozen=True)
class Row:
    """What a file says about one event, by the file's own names; `error` says why it is of no use as a whole.

    `number` is where to look: the record in a CSV file counted as a spreadsheet does (the heading is 1), the
    entry of a JSON list or the event of a calendar counted from 1.
    """

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
