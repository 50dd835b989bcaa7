"""Reading files into rows, and rows into fields: no database is asked."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evently.events.imports import cells as columns
from evently.events.imports import files
from evently.events.imports.fields import read_fields
from evently.events.imports.files import Row, UnreadableFile, read_rows

DATA = Path(__file__).parent / "data"
BERLIN = ZoneInfo("Europe/Berlin")


def rows_of(name: str) -> list[Row]:
    return read_rows(filename=name, content=(DATA / name).read_bytes())


def read(**cells) -> dict:
    reading = read_fields(cells, timezone="Europe/Berlin")
    assert reading.problems == {}
    return dict(reading.fields)


def problem(**cells) -> dict[str, list[str]]:
    return read_fields(cells, timezone="Europe/Berlin").problems


def at(*moment: int) -> dt.datetime:
    return dt.datetime(*moment, tzinfo=BERLIN)


@pytest.mark.parametrize("wrapped", ["events", "results", "items", "data", None])
def test_json_is_a_list_or_has_one(wrapped):
    entries = [{"name": "A"}, {"name": "B"}]
    content = json.dumps({"count": 2, wrapped: entries} if wrapped else entries).encode()
    assert [(row.number, row.values) for row in read_rows(filename="x.json", content=content)] == [(1, {"name": "A"}), (2, {"name": "B"})]


def test_an_entry_that_is_no_object_is_a_flaw_of_its_row():
    rows = read_rows(filename="x.json", content=b'[{"name": "A"}, "B", null, [], 3]')
    assert [bool(row.flaw) for row in rows] == [False, True, True, True, True]


def test_numbers_are_read_as_written():
    (row,) = read_rows(filename="x.json", content=b'[{"price": 12.10}]')
    assert row.values["price"] == Decimal("12.10")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.json", b"", "not JSON"),
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
        ("x.csv", b"name\n" + b"x" * 200_000, "not CSV"),
        ("x.ics", b"hello", "not an iCalendar"),
        ("x.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT", "not an iCalendar"),
        ("x.ics", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Europe:20310101T000000\nEND:VEVENT\nEND:VCALENDAR", "not an iCalendar"),
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
    with pytest.raises(UnreadableFile, match="more than 3 rows"):
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
    assert rows[2].flaw == "There are 3 cells for 2 columns; put cells that hold the delimiter in quotes."
    assert rows[3].values == {"name": "D"}


@given(st.binary(max_size=200), st.sampled_from([".json", ".csv", ".ics"]))
def test_any_bytes_are_rows_or_refused(content, suffix):
    try:
        rows = read_rows(filename=f"x{suffix}", content=content)
    except UnreadableFile:
        return
    for row in rows:
        read_fields(row.values, timezone="UTC")


CELLS = st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)
NAMES = st.sampled_from(
    [*(name for names in columns.NAMES.values() for name in names), "city", "topics", "tags", "status", "is_active", "sales_end"]
)


@given(st.dictionaries(NAMES | st.text(max_size=10), CELLS | st.just({}) | st.datetimes() | st.dates()))
def test_any_row_is_fields_or_problems(row):
    reading = read_fields(row, timezone="Europe/Berlin")
    assert not reading.fields.keys() & reading.problems.keys()
    assert all(message for messages in reading.problems.values() for message in messages)


@pytest.mark.parametrize("name", ["startDate", "start_date", "Start date", "START-DATE", "start", "date", "time", " startsAt "])
def test_columns_go_by_many_names(name):
    assert read(**{name: "2031-05-01T19:30"})["time"] == at(2031, 5, 1, 19, 30)


def test_empty_cells_say_nothing():
    assert read(name=" ", summary="", price=None, topics=[], time="") == {}


@pytest.mark.parametrize(
    ("cells", "venue"),
    [
        ({"venue": "Halle 2"}, "Halle 2"),
        ({"location": "Halle 2", "city": "Leipzig"}, "Halle 2, Leipzig"),
        ({"venue": "Halle 2, Leipzig", "city": "Leipzig", "country": "Germany"}, "Halle 2, Leipzig"),
        ({"city": "Leipzig", "country": "Germany"}, "Leipzig, Germany"),
        ({"country": "Germany"}, "Germany"),
        ({"city": "Abu Dhabi", "online": True}, "Abu Dhabi"),
        ({"online": True}, "Online"),
        ({"online": "yes"}, "Online"),
        ({"online": False}, None),
        ({}, None),
    ],
)
def test_where_it_is(cells, venue):
    assert read(**cells).get("venue") == venue


@pytest.mark.parametrize(
    ("cells", "start", "end"),
    [
        ({"start": "2031-05-01"}, at(2031, 5, 1, 9), None),
        ({"startDate": "2031-05-01", "endDate": "2031-05-01"}, at(2031, 5, 1, 9), at(2031, 5, 1, 18)),
        ({"startDate": "2031-05-01", "endDate": "2031-05-03"}, at(2031, 5, 1, 9), at(2031, 5, 3, 18)),
        ({"start": "2031-05-01 19:30", "end": "2031-05-01"}, at(2031, 5, 1, 19, 30), None),
        ({"start": "2031-05-01T19:30", "end": "2031-05-03"}, at(2031, 5, 1, 19, 30), at(2031, 5, 3, 18)),
        ({"start": "2031-05-01T19:30", "end": "2031-05-01T23:00"}, at(2031, 5, 1, 19, 30), at(2031, 5, 1, 23)),
        ({"date": "2031-05-01", "time": "19:30", "end_time": "23:00"}, at(2031, 5, 1, 19, 30), at(2031, 5, 1, 23)),
        ({"date": "1.5.2031", "start_time": "9:05"}, at(2031, 5, 1, 9, 5), None),
        ({"start": "01.05.2031 19:30"}, at(2031, 5, 1, 19, 30), None),
        ({"start": "2031-05-01T17:30:00Z"}, at(2031, 5, 1, 19, 30), None),
        ({"start": "2031-05-01T13:30:00-04:00"}, at(2031, 5, 1, 19, 30), None),
        ({"start": "2031-05-01T18:30", "timezone": "Europe/London"}, at(2031, 5, 1, 19, 30), None),
    ],
)
def test_when_it_is(cells, start, end):
    fields = read(**cells)
    assert (fields["time"], fields.get("ends_at")) == (start, end)


def test_the_hour_that_clocks_repeat_equals_itself():
    first, second = read(start="2031-10-26T02:30"), read(start="2031-10-26T02:30")
    assert first["time"] == second["time"] == dt.datetime(2031, 10, 26, 0, 30, tzinfo=dt.UTC)


def test_days_of_the_sale_are_whole_days():
    fields = read(start="2031-05-01T19:30", sales_start="2031-04-01", sales_end="2031-04-20", cancellation_deadline="2031-05-01")
    assert fields["sales_start"] == at(2031, 4, 1)
    assert fields["sales_end"] == at(2031, 4, 21)
    assert fields["cancellation_deadline"] == fields["time"]


@pytest.mark.parametrize(
    ("cells", "category", "summary"),
    [
        ({"category": "Music"}, "music", None),
        ({"topics": ["data", "security"]}, "conference", "Topics: data, security"),
        ({"tags": "Workshop; paper"}, "workshop", "Topics: Workshop, paper"),
        ({"keywords": "paper"}, "other", "Topics: paper"),
        ({"topics": ["data"], "summary": "Own words"}, "conference", "Own words"),
        ({}, None, None),
    ],
)
def test_what_it_is_about(cells, category, summary):
    fields = read(**cells)
    assert (fields.get("category"), fields.get("summary")) == (category, summary)


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        ({"status": "draft"}, "draft"),
        ({"status": "Published"}, "published"),
        ({"is_active": False}, "draft"),
        ({"is_active": "true"}, "published"),
        ({}, None),
    ],
)
def test_whether_it_is_on_sale(cells, status):
    assert read(**cells).get("status") == status


def test_what_is_called_off():
    reading = read_fields({"status": "Canceled"}, timezone="UTC")
    assert (reading.is_cancelled, reading.fields) == (True, {})


@pytest.mark.parametrize(
    ("price", "amount"), [("12.50", "12.50"), ("12,5", "12.5"), (12, "12"), (Decimal("12.10"), "12.10"), ("free", "0"), (0, "0")]
)
def test_prices(price, amount):
    assert read(price=price)["price_per_ticket"] == Decimal(amount)


@pytest.mark.parametrize(
    ("cell", "seats"), [("120", 120), (120, 120), ("1,200", 1200), ("1.200", 1200), ("1 200 000", 1_200_000), ("80.0", 80)]
)
def test_seats(cell, seats):
    assert read(capacity=cell)["capacity"] == seats


def test_names_are_one_line_each():
    assert read(name="  World\n Conference  on\tSoup ", description=" a \r\n\r\n b ")["name"] == "World Conference on Soup"
    assert read(description=" a \r\n\r\n b ")["description"] == "a \n\n b"


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"name": "=1+1"}, "name"),
        ({"name": "@SUM(A1:A9)"}, "name"),
        ({"venue": "-2+3+cmd|' /C calc'!A0"}, "venue"),
        ({"name": "nul\x00"}, "name"),
        ({"name": "half \ud800"}, "name"),
        ({"name": ["A"]}, "name"),
        ({"name": True}, "name"),
        ({"name": {"en": "A"}}, "name"),
        ({"description": "bell\x07"}, "description"),
        ({"time": "tomorrow"}, "time"),
        ({"time": "05/01/2031"}, "time"),
        ({"time": "2031-13-01"}, "time"),
        ({"time": "19:30"}, "time"),
        ({"date": "2031-05-01", "time": "25:00"}, "time"),
        ({"time": 1_900_000_000}, "time"),
        ({"time": "0001-01-01"}, "time"),
        ({"time": "9999-12-31"}, "time"),
        ({"time": "2031-05-01", "endDate": "soon"}, "ends_at"),
        ({"time": "soon", "endDate": "2031-05-01", "sales_end": "2031-05-01"}, "time"),
        ({"price": "viel"}, "price_per_ticket"),
        ({"price": "$5"}, "price_per_ticket"),
        ({"capacity": "many"}, "capacity"),
        ({"capacity": "1.5"}, "capacity"),
        ({"capacity": "1e999999999"}, "capacity"),
        ({"capacity": Decimal("NaN")}, "capacity"),
        ({"online": "perhaps"}, "venue"),
        ({"status": "sold"}, "status"),
        ({"is_active": "maybe"}, "status"),
        ({"timezone": "Berlin"}, "timezone"),
    ],
)
def test_what_cannot_be_read_is_said_by_field(cells, field):
    assert list(problem(**cells)) == [field]


@pytest.mark.parametrize("name", ["@home Festival", "+1 Evening", "-ism: a talk (in English)", "1 + 1 = 3"])
def test_names_that_only_begin_like_a_formula(name):
    assert read(name=name)["name"] == name


def test_a_calendar():
    rows = {row.values.get("source_id", row.number): row for row in rows_of("calendar.ics")}
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
    assert {number: row.flaw for number, row in rows.items() if row.flaw} == {
        5: "This event repeats; export each date as an event of its own.",
        8: "The time zone of DTSTART, Mars/Olympus, is unknown.",
        9: "DTSTART cannot be read.",
    }


@pytest.mark.parametrize("line", ["DURATION:P99999999D", "DURATION:long", "DTEND:never", "RECURRENCE-ID:once", "RDATE:20310102T000000Z"])
def test_a_flaw_of_one_event_is_no_flaw_of_the_calendar(line):
    content = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20310101T000000Z\n{line}\nEND:VEVENT\nEND:VCALENDAR"
    (row,) = read_rows(filename="x.ics", content=content.encode())
    assert row.flaw


def test_a_calendar_may_be_empty():
    assert read_rows(filename="x.ics", content=b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n") == []
