"""An event's bookings as a file, row by row: however many they are, only a few are in memory at a time."""

import csv
import datetime as dt
import io
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from evently.accounts.models import User
from evently.bookings import contacts
from evently.bookings.attendees import AttendeeFilters, matching, ordered
from evently.bookings.models import Booking, CheckIn, reference_of
from evently.database import stream_rows
from evently.events.queries import get_managed_event

HEADINGS = (
    *("Booking", "Name", "Username", "E-mail", "Telephone", "State", "Tickets", "Checked in"),
    *("Amount", "Currency", "Booked", "Decided", "Cancelled"),
)
STATE = 5
# What a spreadsheet takes for the beginning of a formula, wherever a name or an address came from.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Digits and spaces only, and too many to calculate anything: a telephone number may begin as a formula would.
TELEPHONE = re.compile(r"\+[0-9][0-9 ]{5,}")
BLOCK = 64 * 1024
# Excel takes a file without this mark for one in its own alphabet.
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"

Cell = str | int | Decimal | dt.datetime | None


@dataclass(frozen=True)
class Export:
    """What is to be written; made while it is known who asks, and read when it is sent."""

    query: Any
    zone: ZoneInfo

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Below HEADINGS; moments are what clocks show at the event."""
        for row in stream_rows(self.query):
            yield self._written(*row)

    def _written(self, booking_id: uuid.UUID, *rest: Any) -> tuple[Cell, ...]:
        *facts, booked, decided, cancelled = rest
        moments = (moment and moment.astimezone(self.zone).replace(tzinfo=None, microsecond=0) for moment in (booked, decided, cancelled))
        return (reference_of(booking_id), *facts, *moments)


def plan_export(*, by: User, event_id: uuid.UUID, filters: AttendeeFilters, ordering: str = "-seq") -> Export:
    """Raises NotFound, NotAllowed."""
    event = get_managed_event(by=by, event_id=event_id)
    come_in = select(func.count()).where(CheckIn.booking_seq == Booking.seq).scalar_subquery()
    people = (Booking.id, contacts.NAME, contacts.USERNAME, contacts.EMAIL, contacts.PHONE_NUMBER)
    facts = (Booking.status, Booking.ticket_count, come_in, Booking.total_amount, Booking.currency)
    moments = (Booking.booking_date, Booking.decided_at, Booking.cancelled_at)
    query = ordered(matching(event_id, filters), ordering, with_people=True)
    return Export(query.with_only_columns(*people, *facts, *moments, maintain_column_froms=True), event.zone)


def csv_parts(rows: Iterable[tuple[Cell, ...]]) -> Iterator[bytes]:
    """The bytes of the file, piece by piece."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(HEADINGS)
    for row in rows:
        writer.writerow([_as_text(cell) for cell in row])
        if buffer.tell() > BLOCK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def xlsx_parts(rows: Iterable[tuple[Cell, ...]]) -> Iterator[bytes]:
    """The bytes of the file, once all of it stands on the disk: its table of contents comes last."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attendees.xlsx"
        _write_xlsx(path, folder, rows)
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


def _write_xlsx(path: Path, folder: str, rows: Iterable[tuple[Cell, ...]]) -> None:
    import xlsxwriter  # type: ignore[import-untyped] # noqa: PLC0415 - only who exports needs it

    # Row by row to the disk.
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": folder}) as book:
        sheet = book.add_worksheet("Attendees")
        heading, money = book.add_format({"bold": True}), book.add_format({"num_format": "0.00"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(HEADINGS) - 1, 16)
        sheet.write_row(0, 0, HEADINGS, heading)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                # Each by its own verb: xlsxwriter's `write` would take what begins with = for a formula.
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                elif isinstance(cell, dt.datetime):
                    sheet.write_datetime(number, column, cell, moment)
                elif cell is not None:
                    sheet.write_number(number, column, cell, money if isinstance(cell, Decimal) else None)


def _as_text(cell: Cell) -> str:
    if isinstance(cell, dt.datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, str):
        return no_formula(cell)
    return "" if cell is None else str(cell)


def no_formula(text: str) -> str:
    """A spreadsheet shows it without the sign before it, and calculates nothing."""
    return f"'{text}" if text.startswith(FORMULA) and not TELEPHONE.fullmatch(text) else text
