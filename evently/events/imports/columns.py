"""A row by the names that people give its columns."""

import re
from collections.abc import Mapping
from typing import Any

from evently.events.imports import values

# The names of a field in files; the first that is filled in counts. `startDate` and `Start date` are `start_date` here.
NAMES: dict[str, tuple[str, ...]] = {
    "source_id": ("source_id", "id", "uid", "uuid", "guid"),
    "name": ("name", "title"),
    "summary": ("summary", "subtitle", "teaser"),
    "description": ("description", "text", "details"),
    "venue": ("venue", "location", "place"),
    "website": ("website", "url", "link"),
    "time": ("time", "start", "start_date", "starts_at", "start_time", "date"),
    "ends_at": ("ends_at", "end", "end_date", "end_time"),
    "timezone": ("timezone", "time_zone", "tz"),
    "capacity": ("capacity", "seats", "places"),
    "price_per_ticket": ("price_per_ticket", "price", "ticket_price"),
    "online": ("online", "is_online"),
}


class Columns:
    """What is filled in."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._cells = {_snake_case(name): value for name, value in row.items() if isinstance(name, str) and not _is_empty(value)}

    def every(self, field: str) -> list[Any]:
        """The cells under each name of a field."""
        return [self._cells[name] for name in NAMES.get(field, (field,)) if name in self._cells]

    def first(self, field: str) -> Any:
        """None when nothing is filled in."""
        return next(iter(self.every(field)), None)

    def text(self, field: str) -> str:
        """One line. Raises ValueError when there is something else in the cell."""
        cell = self.first(field)
        return "" if cell is None else values.line(cell)

    def flag(self, field: str) -> bool | None:
        cell = self.first(field)
        return None if cell is None else values.flag(cell)


def _snake_case(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip()).lower()).strip("_")


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())
