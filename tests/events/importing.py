"""Files and rows that tests bring in, and what came of them."""

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from evently.events.import_rows import ImportDefaults, RowResult, import_events
from evently.events.imports.reading import PROBLEM, StoredRows, read_in_child
from evently.events.imports.rows import Row
from evently.events.models import Event
from evently.extensions import db
from tests.factories import make_event
from tests.harness.site import fresh

BERLIN = ImportDefaults(capacity=100, timezone="Europe/Berlin")


def bring_in(by, *rows: dict, fills: ImportDefaults = BERLIN) -> list[RowResult]:
    return list(import_events(by=by, rows=[Row(number, row) for number, row in enumerate(rows, start=1)], fills=fills))


def bring_in_file(by, path: Path, fills: ImportDefaults = BERLIN) -> list[RowResult]:
    results = list(import_events(by=by, rows=rows_in(path), fills=fills))
    fresh()
    return results


def rows_in(path: Path) -> StoredRows:
    """As they come back from the child process that reads files."""
    rows = read_in_child(path.read_bytes(), path.name)
    assert not rows.startswith(PROBLEM), rows
    return StoredRows(rows)


def outcomes(results: list[RowResult]) -> list[str]:
    return [result.outcome.value for result in results]


def events() -> list[Event]:
    fresh()
    return list(db.session.scalars(sa.select(Event).order_by(Event.time, Event.name)).unique())


def concert(**cells) -> dict:
    return {"id": "c1", "name": "Concert", "venue": "Hall", "time": "2031-05-01T20:00"} | cells


def make_concert(organizer) -> Event:
    """What `concert()` makes, by hand."""
    start = dt.datetime(2031, 5, 1, 18, tzinfo=dt.UTC)
    return make_event(by=organizer, name="Concert", venue="Hall", time=start, timezone="Europe/Berlin")
