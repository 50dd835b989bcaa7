"""The attendees of an event: the list, one of them, one by hand, many at once, and the list as a file."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.bookings import bulk_actions
from evently.bookings.check_ins import insert_check_ins
from evently.database import transaction
from evently.events.models import Event
from tests.dashboard.reading import errors, words
from tests.factories import decide, make_booking, make_event, make_user, reload
from tests.harness.crowd import make_crowd
from tests.harness.site import fresh
from tests.harness.visitor import Visitor

# What the queries find is asked on both databases elsewhere; what pages say about it does not depend on them.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def event(mira: User) -> Event:
    return make_event(by=mira, name="Winterlauf", capacity=50, timezone="Europe/Berlin")


@pytest.fixture
def address(event: Event) -> str:
    return f"/dashboard/events/{event.id}/attendees"


def book(event: Event, first_name: str, tickets: int = 1, **values):
    return make_booking(user=make_user(first_name=first_name, last_name="Ix", **values), event=event, tickets=tickets)


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="cut"[^>]*>([^<]*) Ix</a>', page)


def tabs(page: str) -> dict[str, str]:
    part = page.split('aria-label="Attendees by state"')[1].split("</nav>", maxsplit=1)[0]
    return dict(re.findall(r'">([^<]*) <span class="count">([^<]*)<', part))


def outcome(page: str) -> str:
    return words(re.search(r'<p class="lead">(.*?)</p>', page, re.DOTALL)[1])


def test_nobody_yet(desk: Visitor, address: str):
    page = desk.get(address).text
    assert "Nobody has booked yet" in page
    assert 'class="bulk"' not in page


def test_everybody_with_what_matters(desk: Visitor, event: Event, address: str):
    book(event, "Ada", 2, email="ada@example.org")
    bo = book(event, "Bo", 3)
    with transaction():
        insert_check_ins(event_id=event.id, seats=[(bo.seq, 1)], by_id=bo.user_id)
    page = desk.get(address).text
    assert names(page) == ["Bo", "Ada"]
    assert tabs(page) == {"All": "2", "Confirmed": "2", "Checked in": "1", "Not here yet": "1", "Cancelled": "0"}
    for text in ("ada@example.org", bo.reference, "1 of 3 in", "€37.50", "2 bookings"):
        assert text in page


def test_an_address_says_all_of_it(desk: Visitor, event: Event, address: str):
    for first_name, tickets in (("Ada", 1), ("Bo", 3), ("Cora", 2)):
        book(event, first_name, tickets)
    assert names(desk.get(f"{address}?q=cor").text) == ["Cora"]
    assert names(desk.get(f"{address}?sort=-tickets").text) == ["Bo", "Cora", "Ada"]
    assert names(desk.get(f"{address}?state=cancelled").text) == []
    assert names(desk.get(f"{address}?since=2020-01-01&until=2020-01-02").text) == []
    page = desk.get(f"{address}?q=ix&sort=name&state=confirmed&since=2026-01-01").text
    assert names(page) == ["Ada", "Bo", "Cora"]
    assert f'{address}?q=ix&amp;state=checked_in&amp;sort=name&amp;since=2026-01-01"' in page
    # What makes no sense counts as not said.
    assert len(names(desk.get(f"{address}?sort=x&state=x&page=x&since=x&until=9999-99-99&booking=x").text)) == 3
    assert "Nobody like that" in desk.get(f"{address}?q=nobody").text


def test_pages_and_fragments(desk: Visitor, event: Event, address: str):
    make_crowd(event, 60)
    page = desk.get(f"{address}?page=3&q=crowd")
    assert "Showing 51–60 of 60 bookings" in page.text
    assert "There is no page 9" in desk.get(f"{address}?page=9&q=crowd").text
    fragment = desk.get(f"{address}?q=crowd", htmx=True)
    assert fragment.text.lstrip().startswith('<section class="stack" id="attendee-table"')
    assert fragment.headers["HX-Push-Url"] == f"{address}?q=crowd"


def test_a_long_page_takes_as_many_statements_as_a_short_one(
    desk: Visitor, event: Event, address: str, statements: Callable[[FlaskClient, str], int]
):
    book(event, "Ada")
    few = statements(desk.client, f"{address}?q=example&sort=name")
    make_crowd(event, 60)
    fresh()
    assert statements(desk.client, f"{address}?q=example&sort=name") == few


def test_one_booking_with_all_that_became_of_it(desk: Visitor, event: Event, address: str):
    booking = book(event, "Ada", 2, email="ada@example.org")
    with transaction():
        insert_check_ins(event_id=event.id, seats=[(booking.seq, 2)], by_id=booking.user_id)
    page = desk.get(f"{address}/{booking.id}").text
    steps = re.findall(r"<strong>([^<]*)</strong>", page.split('class="timeline"')[1].split("</ol>")[0])
    assert steps == ["Received", "Confirmed", "Checked in", "Tickets: mail on its way"]
    assert page.count("Not here yet") == 1
    assert "1 seat of 2" in page
    assert desk.get(f"/dashboard/events/{make_event(by=event.organizer).id}/attendees/{booking.id}").status_code == 404


def test_adding_somebody(desk: Visitor, event: Event, address: str):
    answer = desk.submit(f"{address}/new", {"email": "new@example.org", "first_name": "New", "last_name": "Ix", "tickets": 3})
    decide(event)
    page = desk.get(answer.location).text
    assert "New Ix" in page
    assert re.findall(r"<strong>([^<]*)</strong>", page.split('class="timeline"')[1])[:2] == ["Received", "Confirmed"]
    refused = desk.submit(f"{address}/new", {"email": "nobody", "first_name": "New", "tickets": 2})
    assert (refused.status_code, errors(refused.text)) == (422, {"email": "Enter an e-mail address like name@example.org."})
    assert errors(desk.submit(f"{address}/new", {"email": "", "tickets": "two"}).text).keys() == {"email", "tickets"}


def test_cancelling_those_that_are_ticked(desk: Visitor, event: Event, address: str):
    ada, bo, cora = (book(event, first_name, 2) for first_name in ("Ada", "Bo", "Cora"))
    plan = f"{address}/cancel?booking={ada.id}&booking={bo.id}&q=left+over"
    page = desk.get(plan).text
    assert "Cancel 2 bookings?" in page
    assert "2 people with 4 tickets" in page
    assert "2 bookings cancelled" in outcome(desk.submit(plan, follow=True).text)
    assert [reload(booking).status for booking in (ada, bo, cora)] == ["cancelled", "cancelled", "confirmed"]
    again = desk.get(plan).text
    assert "None of them can be cancelled" in again
    assert "<button" not in again.split('<main id="main"')[1]


def test_checking_in_all_that_match(desk: Visitor, event: Event, address: str):
    for first_name in ("Ada", "Bo"):
        book(event, first_name, 2)
    plan = f"{address}/admit?all=1&q=ada"
    assert "1 person with 2 tickets" in desk.get(plan).text
    assert "1 booking checked in" in outcome(desk.submit(plan, follow=True).text)
    assert names(desk.get(f"{address}?state=checked_in").text) == ["Ada"]


def test_nothing_ticked_and_nothing_to_do(desk: Visitor, event: Event, address: str):
    book(event, "Ada")
    assert "Tick the bookings that you mean first." in desk.get(f"{address}/cancel").text
    forged = desk.client.post(f"{address}/cancel", data={"csrf_token": desk.token(f"{address}/new")})
    assert (forged.status_code, forged.location) == (303, address)


def test_long_ones_go_on_elsewhere_and_the_page_follows(desk: Visitor, event: Event, address: str):
    make_crowd(event, 250)
    fresh()
    answer = desk.submit(f"{address}/cancel?all=1")
    page = desk.get(answer.location).text
    assert "0 of 250 looked at" in page
    assert 'hx-trigger="load delay:1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    bulk_actions.run(bulk_actions.list_unfinished()[0])
    done = desk.get(answer.location, htmx=True).text
    assert "Done: " in done
    assert "hx-get" not in done


def test_the_list_as_a_file(desk: Visitor, event: Event, address: str):
    book(event, "Ada", 2)
    book(event, "Bo")
    page = desk.get(f"{address}/export?q=ada").text
    assert "Export 1 booking" in page
    link = re.search(rf'href="({re.escape(address)}\.csv\?[^"]*)"', page)[1].replace("&amp;", "&")
    file = desk.get(link)
    assert file.headers["Content-Disposition"] == 'attachment; filename="winterlauf-attendees.csv"'
    assert (file.headers["Content-Type"], file.headers["Content-Length"]) == ("text/csv; charset=utf-8", str(len(file.data)))
    assert [line.split(",")[1] for line in file.text.splitlines()] == ["Name", "Ada Ix"]
    progress = re.search(r'hx-get="([^"]*progress[^"]*)"', page)[1].replace("&amp;", "&")
    assert "1 of 1 row written; the file is complete" in desk.get(progress).text
    assert desk.get(link.replace(".csv", ".xlsx")).data.startswith(b"PK")


def test_an_event_that_is_over_or_cancelled_can_be_looked_at(app: Flask, desk: Visitor, mira: User):
    for fields in ({"status": "cancelled"}, {"status": "draft"}):
        event = make_event(by=mira, **fields)
        page = desk.get(f"/dashboard/events/{event.id}/attendees").text
        assert "Add attendee" not in page
        assert "Nothing to do" in desk.get(f"/dashboard/events/{event.id}/attendees/cancel?all=1").text
