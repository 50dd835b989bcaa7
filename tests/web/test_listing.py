import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event as sa_event

from evently.extensions import db
from evently.web.listing import Listing
from tests.factories import in_days, make_booking, make_event

BERLIN = ZoneInfo("Europe/Berlin")
# a Wednesday
NOON = dt.datetime(2026, 11, 25, 12, tzinfo=BERLIN)


def read(**args: str) -> Listing:
    return Listing.read({name.rstrip("_"): value for name, value in args.items()})


def days(listing: Listing, now: dt.datetime = NOON) -> tuple[str, str]:
    filters = listing.filters(now, BERLIN)
    return tuple(moment.isoformat()[:16] if moment else "" for moment in (filters.date_from, filters.date_to))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, ("", "")),
        ({"when": "today"}, ("2026-11-25T00:00", "2026-11-26T00:00")),
        ({"when": "weekend"}, ("2026-11-28T00:00", "2026-11-30T00:00")),
        ({"when": "month"}, ("2026-11-25T00:00", "2026-12-01T00:00")),
        ({"when": "range", "from": "2026-12-01", "to": "2026-12-24"}, ("2026-12-01T00:00", "2026-12-25T00:00")),
        ({"from": "2026-12-01"}, ("2026-12-01T00:00", "")),
        # A preset wins over dates that are not shown beside it.
        ({"when": "today", "from": "2026-12-01"}, ("2026-11-25T00:00", "2026-11-26T00:00")),
        ({"when": "yesteryear", "from": "soon", "to": "0001-01-01"}, ("", "")),
    ],
)
def test_days_begin_and_end_at_midnight(args: dict[str, str], expected: tuple[str, str]):
    assert days(Listing.read(args)) == expected


def test_on_sunday_the_weekend_is_what_is_left_of_it():
    sunday = dt.datetime(2026, 11, 29, 12, tzinfo=BERLIN)
    assert days(read(when="weekend"), sunday) == ("2026-11-29T00:00", "2026-11-30T00:00")


def test_an_address_says_what_is_set_and_nothing_else():
    listing = read(q=" organ ", when="", category="music", price="20", available="1", sort="price", page="3", from_="")
    assert listing.arguments() == {"q": "organ", "category": "music", "price": "20", "available": "1", "sort": "price"}
    assert Listing.read(listing.arguments()) == Listing(search="organ", category="music", price="20", available=True, sort="price", page=1)
    assert listing.without("category") == {"q": "organ", "price": "20", "available": "1", "sort": "price"}


@pytest.mark.parametrize(("said", "page"), [("2", 2), ("0", 1), ("-1", 1), ("x", 1), ("9" * 30, 1), ("99999999", 10_000)])
def test_pages_that_make_no_sense_are_the_first(said: str, page: int):
    assert read(page=said).page == page


def test_chips_name_the_filters_in_use():
    listing = read(q="organ", when="range", from_="2026-12-01", to="2026-12-24", category="music", price="0", available="1")
    assert [words for words, _ in listing.chips()] == [
        "“organ”", "From 1 Dec 2026", "Until 24 Dec 2026", "Music", "Free", "Seats left",
    ]  # fmt: skip
    assert listing.in_words() == "“organ”, from 1 Dec 2026, until 24 Dec 2026, music, free, seats left"
    assert read(from_="2026-12-01").without(*read(from_="2026-12-01").chips()[0][1]) == {}
    assert not read(sort="price").is_narrowed


def test_the_front_page_shows_what_is_coming_up(client: FlaskClient):
    soon, later = make_event(name="Soon", time=in_days(2)), make_event(name="Later", time=in_days(9))
    make_event(name="Over", time=in_days(-2))
    make_event(name="Draft", status="draft")
    make_event(name="Called off", status="cancelled")
    page = client.get("/")
    assert page.status_code == 200
    assert page.text.index(f'href="/events/{soon.id}"') < page.text.index(f'href="/events/{later.id}"')
    assert "Called off" in page.text
    assert "badge--cancelled" in page.text
    assert ">Over<" not in page.text
    assert ">Draft<" not in page.text
    assert "3 events at 3 venues" in page.text
    assert 'href="/login"' in page.text


def test_filters_narrow_and_stay_filled_in(client: FlaskClient):
    make_event(name="Organ night", category="music", venue="Dome", price_per_ticket=Decimal(10))
    make_event(name="Organ talk", category="talk", venue="Aula", price_per_ticket=Decimal(30))
    full = make_event(name="Organ tea", category="music", venue="Dome", price_per_ticket=Decimal(0), capacity=1)
    make_booking(event=full)
    page = client.get("/?q=organ&category=music&venue=Dome&price=20&available=1").text
    assert "Organ night" in page
    assert "Organ talk" not in page
    assert "Organ tea" not in page
    assert "1 event<" in page
    assert 'value="organ"' in page
    assert '<option value="music" selected>' in page
    assert "<option selected>Dome</option>" in page
    assert '<option value="20" selected>' in page
    assert 'href="/?q=organ&amp;venue=Dome&amp;price=20&amp;available=1"' in page


def test_an_unknown_venue_stays_in_the_choice(client: FlaskClient):
    assert "<option selected>Nowhere</option>" in client.get("/?venue=Nowhere").text


def test_htmx_gets_the_results_alone_and_the_address_to_show(client: FlaskClient):
    make_event(name="Organ night")
    answer = client.get("/?q=organ&when=&category=&sort=", headers={"HX-Request": "true"})
    assert answer.text.strip().startswith('<section id="event-results"')
    assert 'data-announce="1 event"' in answer.text
    assert answer.headers["HX-Push-Url"] == "/?q=organ"
    assert "HX-Request" in answer.vary
    assert "<html" in client.get("/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}).text


def test_pages_keep_the_search(client: FlaskClient):
    for number in range(14):
        make_event(name=f"Organ {number}", time=in_days(number + 1))
    first = client.get("/?q=organ").text
    assert "Showing 1–12 of 14 events" in first
    assert 'href="/?q=organ&amp;page=2"' in first
    assert "Showing 13–14 of 14 events" in client.get("/?q=organ&page=2").text
    assert "There is no page 7" in client.get("/?q=organ&page=7").text


def test_nothing_found_says_what_was_looked_for_and_offers_ways_on(client: FlaskClient):
    page = client.get("/?q=<b>accordion&when=weekend").text
    assert "Nothing for “&lt;b&gt;accordion”, this weekend" in page
    assert "Same search, any day" in page
    assert "The box office is quiet" in client.get("/").text


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 3000, "venue=%25&category=%00", "from=9999-12-31&when=range", "page=%C2%B2"])
def test_odd_addresses_are_answered(client: FlaskClient, query: str):
    assert client.get(f"/?{query}").status_code == 200


def test_a_full_page_asks_the_database_a_fixed_number_of_times(client: FlaskClient):
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_event()
        client.get("/")
        statements: list[str] = []
        sa_event.listen(db.engine, "before_cursor_execute", lambda *args, seen=statements: seen.append(args[2]))
        client.get("/")
        counts.append(len([statement for statement in statements if statement.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 4
