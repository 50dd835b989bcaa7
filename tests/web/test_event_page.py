import re
import uuid
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event as sa_event

from evently.events.posters import poster_version
from evently.extensions import db
from tests.factories import in_days, log_in, make_booking, make_event, make_user


def test_the_page_tells_what_a_buyer_wants_to_know(client: FlaskClient):
    event = make_event(
        name="Nachtkonzert <im> Gasometer",
        venue="Gaswerk Nord, Leipzig",
        summary="Eleven seconds of echo.",
        description="Bring **blankets**.",
        price_per_ticket=Decimal("24.00"),
        capacity=400,
        website="https://example.org/",
    )
    page = client.get(f"/events/{event.id}").text
    assert "<h1>Nachtkonzert &lt;im&gt; Gasometer</h1>" in page
    assert "Gaswerk Nord, Leipzig" in page
    assert "openstreetmap.org/search?query=Gaswerk" in page
    assert "Eleven seconds of echo." in page
    assert "<p>Bring <strong>blankets</strong>.</p>" in page
    assert "€24.00" in page
    assert "400 seats left" in page
    assert 'href="https://example.org/"' in page
    assert f'<link rel="canonical" href="http://127.0.0.1:8000/events/{event.id}">' in page
    assert 'name="tickets"' in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "cancelled"}, ["This event is cancelled", "No tickets are sold"]),
        ({"time": in_days(-1)}, ["This event has started", "Too late to book"]),
        ({"time": in_days(-2), "ends_at": in_days(-1)}, ["This event is over"]),
        ({"sales_start": in_days(3)}, ["Not on sale yet", "Tickets go on sale on"]),
        ({"sales_end": in_days(-1)}, ["Sales have ended"]),
    ],
)
def test_what_cannot_be_booked_says_why_and_has_no_form(client: FlaskClient, fields: dict, words: list[str]):
    event = make_event(**fields)
    page = client.get(f"/events/{event.id}").text
    for expected in words:
        assert expected in page
    assert 'name="tickets"' not in page
    assert "Choose tickets" not in page


def test_a_sold_out_event_says_so_and_points_to_others(client: FlaskClient):
    event = make_event(capacity=1, category="music")
    make_booking(event=event)
    page = client.get(f"/events/{event.id}").text
    assert "The only seat is taken." in page
    assert "0 seats left" in page
    assert 'href="/?available=1&amp;category=music"' in page


def test_drafts_and_unknown_events_are_not_there(client: FlaskClient):
    draft = make_event(status="draft")
    for event_id in (draft.id, uuid.uuid4()):
        for path in ("", "/seats"):
            assert client.get(f"/events/{event_id}{path}").status_code == 404
    assert client.get("/events/not-an-id").status_code == 404


def test_the_stepper_knows_the_limits_of_the_event_and_of_the_visitor(client: FlaskClient):
    event = make_event(max_tickets_per_user=4, max_tickets_per_booking=3)
    user = make_user()
    make_booking(user=user, event=event, tickets=2)
    assert 'max="3"' in client.get(f"/events/{event.id}").text
    page = log_in(client, user).get(f"/events/{event.id}").text
    assert 'max="2"' in page
    assert "You already hold 2 tickets." in page
    assert "Up to 4 per person, so 2 more." in page
    make_booking(user=user, event=event, tickets=2)
    page = client.get(f"/events/{event.id}").text
    assert "You hold all you may have" in page
    assert 'name="tickets"' not in page


@pytest.mark.parametrize(("asked", "shown"), [("3", "3"), ("99", "10"), ("0", "1"), ("-4", "1"), ("many", "1"), ("", "1")])
def test_the_number_asked_for_in_the_address_is_chosen_within_the_limits(client: FlaskClient, asked: str, shown: str):
    event = make_event(capacity=20)
    page = client.get(f"/events/{event.id}?tickets={asked}").text
    assert re.search(rf'name="tickets"[^>]* value="{shown}"', page)


def test_a_guest_is_shown_the_way_in_and_a_member_the_button(client: FlaskClient):
    event = make_event()
    guest = client.get(f"/events/{event.id}").text
    assert "Sign in and book" in guest
    assert "New here? Create an account" in guest
    member = log_in(client, make_user()).get(f"/events/{event.id}").text
    assert "Sign in and book" not in member


def test_live_seats_are_a_fragment_that_polls_while_tickets_are_sold(client: FlaskClient):
    event = make_event(capacity=10)
    make_booking(event=event, tickets=9)
    seats = client.get(f"/events/{event.id}/seats", headers={"HX-Request": "true"}).text
    assert seats.strip().startswith('<div id="live-seats"')
    assert "1 seat left" in seats
    assert "every 10s" in seats
    over = make_event(time=in_days(-1))
    assert "every" not in client.get(f"/events/{over.id}/seats").text


def test_a_poster_is_kept_for_ever_under_its_version_only(client: FlaskClient):
    event = make_event(category="music")
    address = f"/events/{event.id}/poster.svg"
    poster = client.get(f"{address}?v={poster_version(event)}")
    assert poster.mimetype == "image/svg+xml"
    assert "immutable" in poster.headers["Cache-Control"]
    assert "Set-Cookie" not in poster.headers
    assert "Cookie" not in poster.headers.get("Vary", "")
    assert "immutable" not in client.get(f"{address}?v=old").headers.get("Cache-Control", "")
    assert f"{address}?v={poster_version(event)}" in client.get("/").text
    assert client.get(f"/events/{uuid.uuid4()}/poster.svg").status_code == 404
    draft = make_event(status="draft")
    assert client.get(f"/events/{draft.id}/poster.svg").status_code == 404


def test_a_page_runs_and_styles_nothing_inline(client: FlaskClient):
    event = make_event()
    for path in ("/", f"/events/{event.id}", "/login", "/register", "/nowhere"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"'nonce-([^']+)'", policy)[1]
        assert not re.search(r'\sstyle="|<style|\son\w+="', answer.text)
        for script in re.findall(r"<script[^>]*>", answer.text):
            assert f'nonce="{nonce}"' in script
        assert 'integrity="sha384-' in answer.text
        assert "unsafe" not in policy


def test_a_page_asks_the_database_a_fixed_number_of_times(client: FlaskClient):
    event, user = make_event(capacity=200, website="https://example.org/"), make_user()
    log_in(client, user)
    address, counts = f"/events/{event.id}", []
    for _ in range(2):
        for _ in range(3):
            make_booking(event=event, tickets=2)
            make_booking(event=event, user=user)
        client.get(address)
        statements: list[str] = []
        sa_event.listen(db.engine, "before_cursor_execute", lambda *args, seen=statements: seen.append(args[2]))
        page = client.get(address)
        counts.append(len([statement for statement in statements if statement.startswith("SELECT")]))
        assert len(page.text) < 60_000
    assert counts[0] == counts[1] <= 4
