"""An event's attendees as a file, and how far its writing has come."""

import re
import tempfile
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TypeVar

from flask import Response, request

from evently.bookings.attendees import count_matching
from evently.dashboard import blueprint
from evently.dashboard.attendee_listing import AttendeeListing
from evently.events.models import Event
from evently.events.queries import get_managed_event
from evently.extensions import cache
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.reporting import exports

Row = TypeVar("Row")
Parts = Callable[[Iterator[tuple[exports.Cell, ...]]], Iterator[bytes]]
# Rows between two words about how far it has come, and seconds for which the last word is remembered.
STEP, REMEMBERED = 1000, 600
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/events/<uuid:event_id>/attendees/export")
def export_attendees(event_id: uuid.UUID) -> Response:
    """How many rows it will be, in which form one would like them."""
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    listing = AttendeeListing.read(event, request.args)
    rows = count_matching(event_id, listing.filters())
    return render("dashboard/attendees_export.html", event=event, listing=listing, rows=rows, key=uuid.uuid4().hex, written=None)


@blueprint.get("/events/<uuid:event_id>/attendees/export/progress")
def show_export_progress(event_id: uuid.UUID) -> Response:
    event = get_managed_event(by=signed_in_user(), event_id=event_id)
    key, rows = request.args.get("progress", ""), request.args.get("rows", "")
    total = int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 10 else 0
    return render("dashboard/_attendees_export_progress.html", event=event, key=key, total=total, written=cache.get(_place(key)))


@blueprint.get("/events/<uuid:event_id>/attendees.csv")
def attendees_csv(event_id: uuid.UUID) -> Response:
    return _file(event_id, exports.csv_parts, "csv", "text/csv; charset=utf-8")


@blueprint.get("/events/<uuid:event_id>/attendees.xlsx")
def attendees_xlsx(event_id: uuid.UUID) -> Response:
    return _file(event_id, exports.xlsx_parts, "xlsx", SPREADSHEET)


def _file(event_id: uuid.UUID, parts: Parts, ending: str, kind: str) -> Response:
    user = signed_in_user()
    event = get_managed_event(by=user, event_id=event_id)
    listing = AttendeeListing.read(event, request.args)
    export = exports.plan_export(by=user, event_id=event_id, filters=listing.filters(), ordering=listing.sort or "-seq")
    rows = _counted(export.rows(), _place(request.args.get("progress", "")))
    response = send_written(parts(rows), kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(event)}-attendees.{ending}"'
    return response


def send_written(parts: Iterable[bytes], kind: str) -> Response:
    """What these make together, sent from the disk: whoever reads slowly keeps no connection and no snapshot of the database."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer
    try:
        file.writelines(parts)
    except BaseException:
        file.close()
        raise
    response = Response(_blocks(file), content_type=kind)
    response.call_on_close(file.close)
    response.content_length = file.tell()
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(exports.BLOCK):
            yield block


def _counted(rows: Iterator[Row], place: str) -> Iterator[Row]:
    """The same rows; now and then it is noted how many they were, for whoever asks meanwhile."""
    number = 0
    cache.set(place, (number, False), timeout=REMEMBERED)
    for number, row in enumerate(rows, start=1):
        if number % STEP == 0:
            cache.set(place, (number, False), timeout=REMEMBERED)
        yield row
    cache.set(place, (number, True), timeout=REMEMBERED)


def _place(key: str) -> str:
    return f"export:{signed_in_user().id}:{key[:40]}"


def _name(event: Event) -> str:
    """Fit for a file on any system."""
    plain = unicodedata.normalize("NFKD", event.name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60] or "event"
