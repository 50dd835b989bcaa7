"""The listing as a month: where events stand, what the address says, and how much a page holds."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event as sa_event

from evently.events.calendar_queries import CalendarItem
from evently.extensions import db
from evently.web.listing import Listing
from evently.web.month import month_of, read_month
from tests.factories import in_days, make_event

DECEMBER = dt.date(2031, 12, 1)


def item(*numbers: int, timezone: str = "UTC") -> CalendarItem:
    time = dt.datetime(*numbers, tzinfo=ZoneInfo(timezone))
    return CalendarItem(id=uuid.uuid4(), name=f"{time}", time=time, ends_at=None, timezone=timezone, status="published")


@pytest.mark.parametrize(
    ("first", "weeks"), [("2031-12", 5), ("2027-02", 4), ("2026-11", 6), ("2028-02", 5), ("2999-12", 6), ("2000-01", 6)]
)
def test_a_month_is_whole_weeks_from_monday_to_sunday(first: str, weeks: int):
    month = month_of(read_month(first), [])
    days = [day for week in month.weeks for day in week]
    assert len(month.weeks) == weeks
    assert {len(week) for week in month.weeks} == {7}
    assert days[0].date.weekday() == 0
    assert [day.date.day for day in days if not day.is_out] == list(range(1, 1 + sum(not day.is_out for day in days)))
    assert month.name == f"{month.first:%B %Y}"


def test_an_event_stands_on_its_own_day_wherever_that_is():
    late_in_auckland = item(2031, 12, 31, 23, timezone="Pacific/Auckland")
    early_in_honolulu = item(2031, 12, 1, 1, timezone="Pacific/Honolulu")
    outside = [item(2032, 1, 1, 0, 30, timezone="Pacific/Auckland"), item(2031, 11, 30, 23, 30, timezone="Pacific/Honolulu")]
    month = month_of(DECEMBER, [late_in_auckland, early_in_honolulu, *outside])
    found = {day.date.day: list(day.items) for week in month.weeks for day in week if day.items}
    assert found == {31: [late_in_auckland], 1: [early_in_honolulu]}
    assert month.total == 2


def test_a_day_shows_four_and_says_how_many_more():
    for count, shown, hidden in ((4, 4, 0), (5, 5, 0), (6, 4, 2), (40, 4, 36)):
        month = month_of(DECEMBER, [item(2031, 12, 5, 8, minute) for minute in range(count)])
        [day] = [day for week in month.weeks for day in week if day.items]
        assert (len(day.shown), day.hidden) == (shown, hidden)


@pytest.mark.parametrize("said", ["", "2031", "2031-13", "2031-1", "1999-12", "3000-01", "soon", "2031-12-05", "٢٠٣١-١٢"])
def test_what_is_no_month_counts_as_not_said(said: str):
    assert read_month(said) is None
    assert "month" not in Listing.read({"view": "calendar", "month": said}).arguments()


def test_without_a_month_it_is_that_of_the_first_day_asked_for():
    today = dt.date(2031, 11, 25)
    assert Listing.read({"view": "calendar"}).month_shown(today) == dt.date(2031, 11, 1)
    assert Listing.read({"view": "calendar", "from": "2032-02-10"}).month_shown(today) == dt.date(2032, 2, 1)
    assert Listing.read({"view": "calendar", "month": "2032-05"}).month_shown(today) == dt.date(2032, 5, 1)
    # The dates win over a month that they leave nothing of.
    gone = Listing.read({"view": "calendar", "month": "2032-05", "when": "weekend"}).settled(today)
    assert gone.month_shown(today) == dt.date(2031, 11, 1)
    assert "month" not in gone.arguments()


def month_after(days: float) -> str:
    return f"{in_days(days):%Y-%m}"


def test_the_calendar_keeps_the_filters(client: FlaskClient):
    music = make_event(name="Organ night", category="music", time=in_days(40))
    make_event(name="Organ talk", category="talk", time=in_days(40))
    off = make_event(name="Organ tea", category="music", time=in_days(40), status="cancelled")
    page = client.get(f"/?q=organ&category=music&view=calendar&month={month_after(40)}").text
    assert "2 events in" in page
    assert "Organ talk" not in page
    assert f'<a href="/events/{music.id}"' in page
    assert f'<a href="/events/{off.id}" class="is-off"' in page
    assert 'name="view" value="calendar" form="filters"' in page
    assert 'href="/?q=organ&amp;category=music"' in page
    assert f'rel="next" href="/?q=organ&amp;category=music&amp;view=calendar&amp;month={month_after(40 + 31)[:4]}' in page
    assert "Remove filter: " in page
    assert "<caption" in page
    assert page.count('<th scope="col">') == 7


def test_htmx_gets_the_month_alone_and_the_address_to_show(client: FlaskClient):
    answer = client.get("/?view=calendar&month=2031-12&category=music&q=", headers={"HX-Request": "true"})
    assert answer.text.strip().startswith('<section id="event-results"')
    assert 'data-announce="No events in December 2031"' in answer.text
    assert answer.headers["HX-Push-Url"] == "/?category=music&view=calendar&month=2031-12"


def test_a_form_without_script_ends_at_an_address_that_says_what_is_set(client: FlaskClient):
    answer = client.get("/?q=organ&when=&from=&to=&category=&venue=&price=&sort=&view=calendar&month=2031-12")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?q=organ&view=calendar&month=2031-12")
    assert client.get(answer.headers["Location"]).status_code == 200


def test_a_full_month_is_a_small_page_from_a_fixed_number_of_statements(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    month, counts = month_after(40), []
    for _ in range(2):
        for number in range(12):
            make_event(name=f"A name as long as names are, number {number}", time=in_days(40) + dt.timedelta(minutes=number))
        client.get("/")
        statements: list[str] = []
        sa_event.listen(db.engine, "before_cursor_execute", lambda *args, seen=statements: seen.append(args[2]))
        page = client.get(f"/?view=calendar&month={month}").text
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4
    assert f'20 more<span class="sr"> on {in_days(40).day} ' in page
    assert f"when=range&amp;from={in_days(40):%Y-%m-%d}&amp;to={in_days(40):%Y-%m-%d}" in page
    assert len(page) < 60_000
