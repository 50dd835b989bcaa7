"""What a row says, for tests of import files: rows without a zone of their own are in Berlin."""

import datetime as dt
from zoneinfo import ZoneInfo

from evently.events.imports.fields import read_fields

BERLIN = ZoneInfo("Europe/Berlin")


def read(**cells) -> dict:
    reading = read_fields(cells, timezone="Europe/Berlin")
    assert reading.problems == {}
    return dict(reading.fields)


def problem(**cells) -> dict[str, list[str]]:
    return read_fields(cells, timezone="Europe/Berlin").problems


def at(*moment: int) -> dt.datetime:
    return dt.datetime(*moment, tzinfo=BERLIN)
