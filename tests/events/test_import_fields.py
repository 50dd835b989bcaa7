"""Rows of files into the fields of an event: the names, dates and numbers that people write."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evently.events.imports import columns
from evently.events.imports.fields import read_fields
from tests.events.reading import at, problem, read

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
        ({"capacity": "1_0"}, "capacity"),
        ({"price": "1_0"}, "price_per_ticket"),
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
