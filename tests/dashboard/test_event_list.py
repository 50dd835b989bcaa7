import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from evently.accounts.models import User
from tests.factories import in_days, make_booking, make_event
from tests.harness.visitor import Visitor


def names(page: str) -> list[str]:
    return re.findall(r'<a class="cut" href="/dashboard/events/[^"]*">([^<]*)</a>', page)


def test_a_new_organizer_is_shown_the_first_step(desk: Visitor):
    page = desk.get("/dashboard/events").text
    assert "Create your first event" in page
    assert 'role="search"' not in page


def test_the_list_shows_what_comes_soonest_first(desk: Visitor, mira: User):
    make_event(by=mira, name="Later", time=in_days(9))
    soon = make_event(by=mira, name="Soon", time=in_days(2), capacity=40, price_per_ticket=Decimal(24))
    make_event(by=mira, name="Over", time=in_days(-2))
    make_event(name="Somebody else’s")
    make_booking(event=soon, tickets=5)
    page = desk.get("/dashboard/events").text
    assert names(page) == ["Soon", "Later"]
    assert '5 <span class="soft">/ 40</span>' in page
    assert "€120.00" in page
    assert "3 events, 2 upcoming" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("when=past", ["Over", "Long over"]),
        ("when=all", ["Draft", "Called off", "Organ night", "Over", "Long over"]),
        ("state=draft", ["Draft"]),
        ("state=published", ["Organ night"]),
        ("state=cancelled", ["Called off"]),
        ("state=published&when=all", ["Organ night", "Over", "Long over"]),
        ("q=organ", ["Organ night"]),
        ("q=dome&when=all", ["Organ night"]),
        ("q=%25&when=all", []),
        ("sort=-capacity", ["Called off", "Draft", "Organ night"]),
        ("sort=-created_at&when=all", ["Long over", "Over", "Called off", "Draft", "Organ night"]),
        ("when=never&state=odd&sort=name&page=x", ["Organ night", "Called off", "Draft"]),
    ],
)
def test_filters_and_orders(desk: Visitor, mira: User, query: str, expected: list[str]):
    make_event(by=mira, name="Organ night", venue="Dome", time=in_days(5), capacity=10)
    make_event(by=mira, name="Draft", status="draft", time=in_days(9), capacity=20)
    make_event(by=mira, name="Called off", status="cancelled", time=in_days(7), capacity=30)
    make_event(by=mira, name="Over", time=in_days(-2), capacity=40)
    make_event(by=mira, name="Long over", time=in_days(-20), capacity=50)
    assert names(desk.get(f"/dashboard/events?{query}").text) == expected


def test_filters_stay_filled_in(desk: Visitor, mira: User):
    make_event(by=mira)
    page = desk.get("/dashboard/events?q=%22organ%22&when=past&state=draft&sort=-capacity").text
    assert 'value="&#34;organ&#34;"' in page
    assert 'name="when" value="past" checked' in page
    assert '<option value="draft" selected>' in page
    assert '<option value="-capacity" selected>' in page
    assert "No past event matches" in page


def test_htmx_gets_the_table_alone_and_the_address_to_show(desk: Visitor, mira: User):
    make_event(by=mira, name="Organ night")
    answer = desk.get("/dashboard/events?q=organ&when=&state=&sort=", htmx=True)
    assert answer.text.strip().startswith('<section class="stack" id="event-table"')
    assert 'data-announce="1 event"' in answer.text
    assert answer.headers["HX-Push-Url"] == "/dashboard/events?q=organ"
    assert "HX-Request" in answer.vary


def test_pages_keep_the_search(desk: Visitor, mira: User):
    for number in range(22):
        make_event(by=mira, name=f"Organ {number}", time=in_days(number + 1))
    first = desk.get("/dashboard/events?q=organ").text
    assert "Showing 1–20 of 22 events" in first
    assert 'href="/dashboard/events?q=organ&amp;page=2"' in first
    assert names(desk.get("/dashboard/events?q=organ&page=2").text) == ["Organ 20", "Organ 21"]
    assert "There is no page 7" in desk.get("/dashboard/events?q=organ&page=7").text


@pytest.mark.parametrize(("query", "words"), [("when=past", "Nothing is over yet"), ("q=accordion", "Nothing like that")])
def test_an_empty_list_says_why(desk: Visitor, mira: User, query: str, words: str):
    make_event(by=mira)
    assert words in desk.get(f"/dashboard/events?{query}").text


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 3000, "page=99999999999", "state=needs&when=past"])
def test_odd_addresses_are_answered(desk: Visitor, mira: User, query: str):
    make_event(by=mira)
    assert desk.get(f"/dashboard/events?{query}").status_code == 200


def test_more_events_need_no_more_statements(desk: Visitor, mira: User, statements: Callable[[FlaskClient, str], int]):
    make_booking(event=make_event(by=mira))
    few = statements(desk.client, "/dashboard/events")
    for _ in range(15):
        make_booking(event=make_event(by=mira))
    assert statements(desk.client, "/dashboard/events") == few <= 9
