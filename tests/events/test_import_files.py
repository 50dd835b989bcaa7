"""Reading files into rows: no database is asked."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evently.events.imports import files
from evently.events.imports.fields import read_fields
from evently.events.imports.files import UnreadableFile
from evently.events.imports.rows import Row
from tests.events.importing import rows_in
from tests.events.reading import at, read

DATA = Path(__file__).parent / "data"


def read_rows(*, filename: str, content: bytes) -> list[Row]:
    return list(files.read_rows(filename=filename, content=content))


@pytest.mark.parametrize("wrapped", ["events", "results", "items", "data", None])
def test_json_is_a_list_or_has_one(wrapped):
    entries = [{"name": "A"}, {"name": "B"}]
    content = json.dumps({"count": 2, wrapped: entries} if wrapped else entries).encode()
    assert [(row.number, row.values) for row in read_rows(filename="x.json", content=content)] == [(1, {"name": "A"}), (2, {"name": "B"})]


def test_an_entry_that_is_no_object_is_a_flaw_of_its_row():
    rows = read_rows(filename="x.json", content=b'[{"name": "A"}, "B", null, [], 3]')
    assert [bool(row.error) for row in rows] == [False, True, True, True, True]


def test_numbers_are_read_as_written():
    (row,) = read_rows(filename="x.json", content=b'[{"price": 12.10}]')
    assert row.values["price"] == Decimal("12.10")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.json", b"", "empty"),
        ("x.json", b"{", "not JSON"),
        ("x.json", b"{}", "no list of events"),
        ("x.json", b'"text"', "no list of events"),
        ("x.json", b"[" * 100_000, "too deep"),
        ("x.json", b"[" + b"9" * 5000 + b"]", "too long"),
        ("x.json", b'["caf\xe9"]', "not UTF-8"),
        ("x.csv", b"", "empty"),
        ("x.csv", b"\n\n", "empty"),
        ("x.csv", b'name,venue\n"A', "not CSV"),
        ("x.csv", b"name\nM\xfcnchen", "not UTF-8"),
        ("x.csv", b"name\n" + b"x" * 200_000, "longer than 131,072"),
        ("x.ics", b"hello", "not an iCalendar"),
        ("x.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT", "not an iCalendar"),
        (
            "x.ics",
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Europe:20310101T000000\nEND:VEVENT\nEND:VCALENDAR",
            "The time zone Europe does not exist",
        ),
        (
            "x.ics",
            b'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;TZID="America/Ken\r\n tucky":20310101T000000\r\nEND:VEVENT\r\nEND:VCALENDAR',
            "The time zone America/Kentucky does not",
        ),
        (
            "x.ics",
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=posix/Europe/:20310101T000000\nEND:VEVENT\nEND:VCALENDAR",
            "The time zone posix/Europe/ does not",
        ),
        ("x.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=A,B:20310101\nEND:VEVENT\nEND:VCALENDAR", "not an iCalendar"),
        ("x.xlsx", b"PK", "ends in .json, .csv, .ics"),
        ("events", b"[]", "ends in"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(name, content, reason):
    with pytest.raises(UnreadableFile, match=reason):
        read_rows(filename=name, content=content)


def test_files_and_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_SIZE", 50)
    monkeypatch.setattr(files, "MAX_ROWS", 3)
    assert len(read_rows(filename="x.json", content=b"[{},{},{}]")) == 3
    with pytest.raises(UnreadableFile, match="more than 20,000 events"):
        read_rows(filename="x.json", content=b"[{},{},{},{}]")
    with pytest.raises(UnreadableFile, match="larger than"):
        read_rows(filename="x.json", content=b" " * 51)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_as_spreadsheets_write_it(encoding, delimiter, newline):
    lines = ["Name,Venue,Price".replace(",", delimiter), f'"Über{delimiter}all"{delimiter}Köln{delimiter}"1,5"', ""]
    (row,) = read_rows(filename="X.CSV", content=newline.join(lines).encode(encoding))
    assert row.values == {"Name": f"Über{delimiter}all", "Venue": "Köln", "Price": "1,5"}


def test_csv_rows_are_numbered_as_a_spreadsheet_does():
    rows = read_rows(filename="x.csv", content=b'name,venue\n"two\nlines",x\n\nB,y\nC,y,too many\nD\n')
    assert [row.number for row in rows] == [2, 4, 5, 6]
    assert rows[2].error == "There are 3 cells for 2 columns; put cells that hold the delimiter in quotes."
    assert rows[3].values == {"name": "D"}


@given(st.binary(max_size=200), st.sampled_from([".json", ".csv", ".ics"]))
def test_any_bytes_are_rows_or_refused(content, suffix):
    try:
        rows = read_rows(filename=f"x{suffix}", content=content)
    except UnreadableFile:
        return
    for row in rows:
        read_fields(row.values, timezone="UTC")


def test_a_calendar():
    rows = {row.number if row.error else row.values["source_id"]: row for row in rows_in(DATA / "calendar.ics")}
    assert [row.number for row in rows.values()] == list(range(1, 10))
    concert = read(**rows["concert@example.org"].values)
    assert concert == {
        "source_id": "concert@example.org",
        "name": "Konzert, mit Komma",
        "description": "Erste Zeile\nzweite Zeile",
        "summary": "Topics: MUSIC, WINTER",
        "venue": "Alte Post, Nürnberg",
        "website": "https://konzert.example",
        "category": "music",
        "timezone": "Europe/Berlin",
        "time": at(2031, 11, 28, 20, 30),
        "ends_at": at(2031, 11, 28, 22),
    }
    vienna = ZoneInfo("Europe/Vienna")
    fair = read(**rows["fair@example.org"].values)
    assert (fair["time"], fair["ends_at"]) == (dt.datetime(2031, 12, 1, 9, tzinfo=vienna), dt.datetime(2031, 12, 3, 18, tzinfo=vienna))
    talk = read(**rows["talk@example.org"].values)
    assert (talk["status"], talk["timezone"], talk["ends_at"] - talk["time"]) == ("draft", "Europe/Vienna", dt.timedelta(minutes=90))
    assert read_fields(rows["off@example.org"].values, timezone="UTC").is_cancelled
    assert "moved@example.org#2031-12-05T18:00:00+00:00" in rows
    assert {number: row.error for number, row in rows.items() if row.error} == {
        5: "This event repeats; export each date as an event of its own.",
        8: "The time zone of DTSTART, Mars/Olympus, is unknown.",
        9: "DTSTART cannot be read.",
    }


@pytest.mark.parametrize("line", ["DURATION:P99999999D", "DURATION:long", "DTEND:never", "RECURRENCE-ID:once", "RDATE:20310102T000000Z"])
def test_a_flaw_of_one_event_is_no_flaw_of_the_calendar(line):
    content = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20310101T000000Z\n{line}\nEND:VEVENT\nEND:VCALENDAR"
    (row,) = read_rows(filename="x.ics", content=content.encode())
    assert row.error


def test_a_calendar_without_events_is_refused():
    with pytest.raises(UnreadableFile, match="no events in this file"):
        read_rows(filename="x.ics", content=b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n")
