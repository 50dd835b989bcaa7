"""An event's bookings as a file."""

import csv
import io
import tracemalloc
import zipfile
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from evently.bookings.attendees import AttendeeFilters
from evently.errors import NotAllowed
from evently.extensions import db
from evently.reporting.exports import HEADINGS, csv_parts, plan_export, xlsx_parts
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.harness.crowd import make_crowd
from tests.harness.site import fresh, on_sqlite

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "+49341 5501-1", "+49 341=5501")


@pytest.fixture
def event(mira):
    return make_event(by=mira, capacity=100, timezone="Asia/Tokyo")


def as_csv(mira, event, **filters):
    rows = plan_export(by=mira, event_id=event.id, filters=AttendeeFilters(**filters), ordering="seq").rows()
    text = b"".join(csv_parts(rows)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def as_xlsx(mira, event, **filters):
    """The cells of each row, as Excel would show or calculate them; formulas would be elements of their own."""
    rows = plan_export(by=mira, event_id=event.id, filters=AttendeeFilters(**filters), ordering="name").rows()
    book = zipfile.ZipFile(io.BytesIO(b"".join(xlsx_parts(rows))))
    assert book.testzip() is None
    sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert not list(sheet.iter(f"{SHEET}f"))
    return [["".join(cell.itertext()) for cell in row] for row in sheet.iter(f"{SHEET}row")]


def test_a_row_for_each_booking(mira, event):
    ada = make_user(first_name="Ada", last_name="Lovelace", username="ada", email="ada@example.org", phone_number="+49 341 5501")
    booking = make_booking(user=ada, event=event, tickets=2)
    make_booking(event=event, decided=False)
    rows = as_csv(mira, event)
    assert (len(rows), tuple(rows[0]), rows[0]["Telephone"]) == (2, HEADINGS, "+49 341 5501")
    expected = {"Booking": booking.reference, "Name": "Ada Lovelace", "E-mail": "ada@example.org", "State": "confirmed", "Tickets": "2"}
    assert expected.items() <= rows[0].items()
    assert {"Checked in": "0", "Amount": "25.00", "Currency": "EUR", "Cancelled": ""}.items() <= rows[0].items()
    assert rows[0]["Booked"] == f"{booking.booking_date.astimezone(event.zone):%Y-%m-%d %H:%M}"
    assert as_csv(mira, event, state="confirmed", search="lovelace") == rows[:1]
    heading, row = as_xlsx(mira, event, state="confirmed")
    assert (tuple(heading), row[:2], row[6], float(row[8])) == (HEADINGS, [booking.reference, "Ada Lovelace"], "2", 25)


@on_sqlite
def test_no_cell_is_a_formula(mira, event):
    for name in FORMULAS:
        make_booking(user=make_user(first_name=name), event=event)
    assert [row["Name"] for row in as_csv(mira, event)] == [f"'{name}" for name in FORMULAS]
    assert sorted(row[1] for row in as_xlsx(mira, event)[1:]) == sorted(FORMULAS)


@on_sqlite
def test_only_for_those_who_manage_the_event(mira, event):
    for person in (make_user(), make_organizer()):
        with pytest.raises(NotAllowed):
            plan_export(by=person, event_id=event.id, filters=AttendeeFilters())


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_the_database_keeps_the_rows_until_they_are_wanted_and_forgets_them_with_the_reader(mira, event):
    make_booking(event=event)
    make_booking(event=event)
    cursors = []

    def note(_connection, cursor, *_):
        cursors.append(cursor.name)

    rows = plan_export(by=mira, event_id=event.id, filters=AttendeeFilters()).rows()
    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        next(rows)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    # Only cursors of the server have names.
    assert cursors[-1]
    taken = db.engine.pool.checkedout()
    rows.close()
    assert db.engine.pool.checkedout() == taken - 1


@pytest.mark.parametrize(("site", "parts"), [("postgresql", csv_parts), ("sqlite", xlsx_parts)], indirect=["site"])
def test_a_long_list_takes_no_more_memory_than_a_short_one(mira, event, parts):
    make_crowd(event, 5000)
    fresh()

    def peak(**filters):
        rows = plan_export(by=mira, event_id=event.id, filters=AttendeeFilters(**filters)).rows()
        tracemalloc.start()
        try:
            size = sum(len(part) for part in parts(rows))
            return size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Once, so that what is imported and compiled is not counted.
    peak(search="crowd100")
    (short, little), (long, much) = peak(search="crowd4"), peak()
    # A fifth of the rows fills what is read and written at a time already.
    assert long > 4 * short
    assert much < little + 500_000
