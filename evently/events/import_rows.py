"""Bringing events in from a file, again and again: what is new is created, what changed is updated.

A row is the event with its source id; one without an id is the organizer's event of the same name, start and venue.
Rows are written in batches of one transaction, each in a savepoint of its own, so that a bad row costs no other.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError

from evently.accounts.models import User
from evently.accounts.policies import require_organizer
from evently.database import transaction
from evently.errors import DomainError, Invalid
from evently.events import validation
from evently.events.audit import IMPORTED
from evently.events.imports.fields import ParsedRow, read_fields
from evently.events.imports.rows import Row
from evently.events.models import CANCELLED, DRAFT, Event
from evently.events.services import add_events, cancel_event, new_event, update_event
from evently.events.validation import EventFields
from evently.extensions import db

BATCH = 100
CONFLICT_MESSAGE = "Somebody wrote this event at the same moment; import the file again."
# No two clocks in the world are further apart.
MAX_UTC_OFFSET_DIFFERENCE = dt.timedelta(hours=27)
# A source id, or name, start and venue.
Key = tuple[str | None] | tuple[str, dt.datetime, str]


class RowStatus(StrEnum):
    """What became of a row. `duplicate`: an earlier row of the file is the same event."""

    CREATED = "created"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class ImportDefaults:
    """What a file may lack, for events that are new; `timezone` is that of dates and times which do not say theirs."""

    capacity: int | None = None
    price: Decimal = Decimal(0)
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """`problems` says by field why a row was refused, or in which row a duplicate was first; "row" is all of it."""

    number: int
    name: str
    outcome: RowStatus = RowStatus.REFUSED
    event_id: uuid.UUID | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)


class _DryRunRollback(Exception):
    """Undoes what was only tried."""


def import_events(
    *, by: User, rows: Sequence[Row], fills: ImportDefaults, start: int = 0, is_rehearsal: bool = False
) -> Iterator[RowResult]:
    """Write the rows as events of `by` and tell what became of each, in the order of the file, once it is committed.

    A rehearsal tells what would become of each, and writes nothing. With `start` the first rows were brought in before,
    and it goes on with the next.

    What `fills` says counts for new events only, since somebody may have changed them here since; so does a draft:
    what was published stays so. Events of the past come in as past events, and one that the file calls off is called
    off here, with its bookings. Raises NotAllowed for people who do not organize.
    """
    require_organizer(by)
    return _import_batches(_Import(by, fills, is_rehearsal=is_rehearsal), rows, start)


def _import_batches(run: "_Import", rows: Sequence[Row], start: int) -> Iterator[RowResult]:
    run.skip(itertools.islice(rows, start))
    for first in range(start, len(rows), BATCH):
        yield from run.write(rows[first : first + BATCH])


class _Import:
    """One file while it comes in.

    `_seen` are the events of its rows so far, with the numbers of those rows; `_new` those that wait to be written.
    """

    def __init__(self, by: User, fills: ImportDefaults, *, is_rehearsal: bool) -> None:
        self._by, self._fills, self._is_rehearsal = by, fills, is_rehearsal
        self._seen: dict[Key, int] = {}
        self._new: list[Event] = []

    def skip(self, rows: Iterable[Row]) -> None:
        """Only remember which events these rows are."""
        for row in rows:
            reading = self._read(row, self._fills.timezone)
            if not reading.problems and (keys := _keys(reading)):
                self._seen.setdefault(keys[0], row.number)

    def write(self, rows: Sequence[Row]) -> list[RowResult]:
        """What became of these rows, which are committed when this returns, or undone in a rehearsal."""
        readings = [self._read(row, self._fills.timezone) for row in rows]
        results: list[RowResult] = []
        with suppress(_DryRunRollback), transaction() as session:
            # Imports for one organizer take turns, or two of the same file would both find an event missing.
            session.execute(select(User.id).where(User.id == self._by.id).with_for_update(key_share=True))
            known, self._new = self._known_events(readings), []
            results = [self._result(row, reading, known) for row, reading in zip(rows, readings, strict=True)]
            clashes = _add(self._new)
            results = [_error_messages(result, row=CONFLICT_MESSAGE) if result.event_id in clashes else result for result in results]
            if self._is_rehearsal:
                raise _DryRunRollback
        return results

    def _read(self, row: Row, timezone: str) -> ParsedRow:
        reading = read_fields(row.values, timezone=timezone)
        if row.error:
            return ParsedRow({"name": reading.fields.get("name", "")}, {"row": [row.error]})
        reading.problems = validation.validate(reading.fields, allow_past=True) | reading.problems
        return reading

    def _known_events(self, readings: list[ParsedRow]) -> dict[Key, Event]:
        """Those that the rows may mean, by every key that a row may have."""
        fields = [reading.fields for reading in readings if not reading.problems]
        is_meant: list[ColumnElement[bool]] = [Event.source_id.in_({entry["source_id"] for entry in fields if entry.get("source_id")})]
        if times := [entry["time"] for entry in fields if "time" in entry]:
            is_near = Event.time.between(min(times) - MAX_UTC_OFFSET_DIFFERENCE, max(times) + MAX_UTC_OFFSET_DIFFERENCE)
            is_meant.append(is_near & Event.name.in_({entry.get("name", "") for entry in fields}))
        query = select(Event).where(Event.organizer_id == self._by.id, or_(*is_meant))
        known: dict[Key, Event] = {}
        # Those that were deleted here come first, so that a live one of the same name counts.
        for event in db.session.scalars(query.order_by(Event.archived_at.is_(None), Event.created_at.desc())):
            wall_clock = event.local_time.replace(tzinfo=None)
            keys: list[Key] = [(event.name, wall_clock, event.venue), (event.name, event.time, event.venue), (event.source_id,)]
            known |= dict.fromkeys(keys, event)
        return known

    def _result(self, row: Row, reading: ParsedRow, known: dict[Key, Event]) -> RowResult:
        keys, result = _keys(reading), RowResult(number=row.number, name=reading.fields.get("name", ""))
        if keys and keys[0] in self._seen:
            return _error_messages(result, outcome=RowStatus.DUPLICATE, row=f"The same event as in row {self._seen[keys[0]]}.")
        if reading.problems:
            return replace(result, problems=reading.problems)
        event = next((known[key] for key in keys if key in known), None)
        if event and reading.local_start:
            # It is known in which zone it takes place, so what the file leaves open is no change.
            reading = self._read(row, event.timezone)
        try:
            event, outcome = self._apply(reading, event)
        except DomainError as error:
            return replace(result, problems=error.fields) if error.fields else _error_messages(result, row=error.message)
        if keys:
            self._seen[keys[0]] = row.number
        return replace(result, outcome=outcome, event_id=event.id)

    def _apply(self, reading: ParsedRow, event: Event | None) -> tuple[Event, RowStatus]:
        """What is known is changed; what is new only waits in `_new`, since many are written at once."""
        if event is None:
            self._new.append(self._prepare(reading))
            return self._new[-1], RowStatus.CREATED
        with db.session.begin_nested():
            return event, self._change(reading, event)

    def _prepare(self, reading: ParsedRow) -> Event:
        if reading.is_cancelled:
            raise Invalid("It is cancelled, so it is not brought in.")
        fills: EventFields = {"price_per_ticket": self._fills.price, "timezone": self._fills.timezone}
        if self._fills.capacity is not None:
            fills["capacity"] = self._fills.capacity
        return new_event(by=self._by, fields={**fills, **reading.fields}, allow_past=True)

    def _change(self, reading: ParsedRow, event: Event) -> RowStatus:
        if event.archived_at is not None:
            raise Invalid("It was deleted here, so it is not brought in again.")
        if reading.is_cancelled and event.status != CANCELLED:
            cancel_event(by=self._by, event_id=event.id)
            return RowStatus.CANCELLED
        changes = _changes(event, reading.fields)
        if reading.is_cancelled or not changes:
            return RowStatus.UNCHANGED
        update_event(by=self._by, event_id=event.id, fields=changes, allow_past=True)
        return RowStatus.UPDATED


def _add(events: Sequence[Event]) -> set[uuid.UUID]:
    """Write new events; those that clash with what somebody else wrote meanwhile are left out, and named."""
    try:
        with db.session.begin_nested():
            add_events(events, action=IMPORTED)
    except IntegrityError:
        # One by one, so that the one at fault costs no other.
        return {events[0].id} if len(events) == 1 else set().union(*(_add([event]) for event in events))
    return set()


def _keys(reading: ParsedRow) -> list[Key]:
    """What makes a row the same event as another, in the order in which they count; none for one that says too little.

    Where the row leaves its zone open, an event that starts at the same time by the clock on its own wall will do.
    """
    fields = reading.fields
    if source_id := fields.get("source_id"):
        return [(source_id,)]
    if not {"name", "time", "venue"} <= fields.keys():
        return []
    times = [fields["time"], reading.local_start] if reading.local_start else [fields["time"]]
    return [(fields["name"], time, fields["venue"]) for time in times]


def _changes(event: Event, fields: EventFields) -> EventFields:
    values = cast("dict[str, Any]", fields)
    changes = {name: value for name, value in values.items() if getattr(event, name) != value}
    if changes.get("status") == DRAFT:
        del changes["status"]
    return cast("EventFields", changes)


def _error_messages(result: RowResult, *, row: str, outcome: RowStatus = RowStatus.REFUSED) -> RowResult:
    return replace(result, outcome=outcome, event_id=None, problems={"row": [row]})
