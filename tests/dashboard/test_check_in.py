"""The page at the door, without scripts; how much it asks of the database; what the printed list says."""

import re
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.models import User
from evently.bookings.models import Booking, CheckIn
from evently.bookings.services import cancel_booking
from evently.bookings.tickets import Ticket, list_tickets
from evently.events.models import Event
from evently.extensions import db
from tests.dashboard.reading import words
from tests.factories import log_in, make_booking, make_event, make_organizer, make_user
from tests.harness.visitor import Visitor

ONE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def event(mira: User) -> Event:
    return make_event(by=mira, name="Nachtkonzert", capacity=60)


@pytest.fixture
def door(event: Event) -> str:
    return f"/dashboard/events/{event.id}/check-in"


def ticket(booking: Booking, seat: int = 1) -> Ticket:
    return list_tickets(by=booking.user, booking_id=booking.id)[seat - 1]


def scan(desk: Visitor, door: str, **said: str) -> tuple[str, str]:
    """The verdict, and all that the panel says."""
    page = desk.client.post(door, data={"csrf_token": desk.token(door), **said})
    assert page.status_code == 200
    panel = page.text.split('id="scan-result"')[1].split("</section>")[0]
    return re.findall(r'data-verdict="(\w+)"', panel)[0], " ".join(words(panel.split(">", 1)[1]).split())


def turnout(page: str) -> list[str]:
    """Inside, of how many, still to come, lately."""
    return [words(text) for text in re.findall(r"<dd[^>]*>([^<]*)</dd>", page.split('id="door-turnout"')[1].split("</dl>", maxsplit=1)[0])]


def rows() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(CheckIn))


@ONE
def test_every_verdict_says_what_one_must_know(desk: Visitor, event: Event, door: str, mira: User):
    booking = make_booking(user=make_user(first_name="Ada", last_name="Quill"), event=event, tickets=2)
    verdict, said = scan(desk, door, code=ticket(booking).signed, gate="Door A")
    assert verdict == "valid"
    assert re.search(r"Valid Ada Quill, seat 1 of 2 .*checked in \d\d:\d\d:\d\d at Door A Check in the other one too Undo", said)
    verdict, said = scan(desk, door, code=ticket(booking).code)
    assert verdict == "used"
    assert re.search(r"Ada Quill.* Came in just now, \d\d:\d\d:\d\d at Door A, let in by Mira Lindqvist", said)
    assert scan(desk, door, code="<b>XX") == ("unknown", "Unknown &lt;b&gt;XX Not one of our tickets. Find the person by name instead.")
    assert scan(desk, door)[0] == "unknown"
    void = make_booking(event=event)
    code = ticket(void).code
    cancel_booking(by=void.user, booking_id=void.id)
    assert "Do not let in." in scan(desk, door, code=code)[1]
    theirs = make_booking(user=make_user(first_name="Jonas"), event=make_event(name="Winterlauf"))
    verdict, said = scan(desk, door, code=ticket(theirs).code)
    assert (verdict, "Winterlauf" in said, "Jonas" in said) == ("wrong_event", True, False)
    mine = make_booking(user=make_user(first_name="Jonas"), event=make_event(by=mira, name="Sommerlauf"))
    assert "Jonas" in scan(desk, door, code=ticket(mine).code)[1]


@ONE
def test_before_the_door_opens_one_is_asked_back(app: Flask, desk: Visitor, event: Event, door: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "DOOR_OPENS_HOURS", 12)
    booking = make_booking(event=event, tickets=3)
    assert "Scan a ticket, or type its code. Doors open" in words(desk.get(door).text)
    for said, asked in (({"code": ticket(booking, 2).code}, f"{booking.id}:2"), ({"ticket": f"{booking.id}:"}, f"{booking.id}:")):
        page = desk.client.post(door, data={"csrf_token": desk.token(door), **said}).text
        assert 'data-verdict="too_early"' in page
        assert "Nobody is let in yet." in page
        assert re.findall(r'name="anyway" value="([^"]*)"', page) == [asked]
    assert rows() == 0
    assert scan(desk, door, anyway=f"{booking.id}:2", gate="Stage")[0] == "valid"
    assert scan(desk, door, anyway=f"{booking.id}:")[1].startswith("Valid ")
    assert rows() == 3
    plan = f"/dashboard/events/{event.id}/attendees/admit?all=1"
    assert "only. This counts them as come in before." in words(desk.get(plan).text)


@ONE
def test_a_scan_is_a_form_and_its_answer_a_page(desk: Visitor, event: Event, door: str):
    booking = make_booking(user=make_user(first_name="Ada", last_name="Quill"), event=event, tickets=4)
    page = desk.submit(door, {"code": ticket(booking, 2).code, "gate": "North"}).text
    assert 'value="North"' in page
    assert turnout(page) == ["1", "25 % of 4", "3", "1"]
    assert scan(desk, door, ticket=f"{booking.id}:")[1].startswith("Valid Ada Quill, seats 1, 3, 4 of 4")
    assert scan(desk, door, ticket=f"{booking.id}:3")[0] == "used"
    assert [ticket(booking, seat).state for seat in (1, 4)] == ["used", "used"]
    token = {"csrf_token": desk.token(door)}
    undone = desk.client.post(f"{door}/undo", data={**token, "ticket": f"{booking.id}:3"}).text
    assert ("Undone" in undone, turnout(undone)[2]) == (True, "1")
    assert desk.client.post(f"{door}/undo", data={**token, "ticket": f"{booking.id}:3"}).status_code == 404
    for nonsense in ("", "x", f"{booking.id}", f"{booking.id}:²", f"{booking.id}:99999999999"):
        assert desk.client.post(f"{door}/undo", data={**token, "ticket": nonsense}).status_code == 404
    assert rows() == 3


@ONE
def test_who_has_no_ticket_at_hand_is_found_by_name(desk: Visitor, event: Event, door: str):
    booking = make_booking(user=make_user(first_name="Ada", last_name="Quill"), event=event, tickets=3)
    make_booking(event=event)
    scan(desk, door, code=ticket(booking, 2).code)
    page = desk.get(f"{door}?q=quil").text.split('id="door-matches"')[1].split("</ul>")[0]
    assert re.findall(r'name="ticket" value="[^:]*:(\d*)"', page) == ["1", "3", ""]
    assert page.count("<li>") == 1
    assert "Nobody with that name" in desk.get(f"{door}?q=zzz").text
    fragment = desk.get(f"{door}?q=quil", htmx=True).text
    assert fragment.lstrip().startswith('<div id="door-matches"')
    assert desk.get(f"{door}/turnout", htmx=True).text.lstrip().startswith('<dl class="figures" id="door-turnout"')


@ONE
def test_a_door_sees_who_came_in_at_another_within_seconds(desk: Visitor, event: Event, door: str):
    booking = make_booking(user=make_user(first_name="Ada", last_name="Quill"), event=event, tickets=2)
    page = desk.get(door).text
    poll = re.search(r'id="door-turnout" hx-get="([^"]*)" hx-trigger="every 5s"', page)[1].replace("&amp;", "&")  # type: ignore[index]
    assert desk.get(poll, htmx=True).status_code == 204
    scan(desk, door, code=ticket(booking).code, gate="South")
    seen = desk.get(poll, htmx=True).text
    assert turnout(seen)[0] == "1"
    assert re.search(r'<ul class="ledger" id="latest-scans"[^>]*hx-swap-oob="true">.*Ada Quill.*, South.*</ul>', seen, re.DOTALL)
    again = re.search(r'hx-get="([^"]*)"', seen)[1].replace("&amp;", "&")  # type: ignore[index]
    assert desk.get(again, htmx=True).status_code == 204


@ONE
def test_what_is_off_is_said_to_be_off(desk: Visitor, mira: User):
    cancelled = make_event(by=mira, status="cancelled", capacity=520)
    at = f"/dashboard/events/{cancelled.id}"
    assert "This event was called off: no ticket of it is valid." in desk.get(f"{at}/check-in").text
    page = words(desk.get(at).text)
    assert ("520" in page.split("Seats available")[1].split("Revenue")[0], "nothing is on sale any more" in page) == (False, True)
    by_hand = desk.get(f"{at}/attendees/new").text
    assert ("seats left" in by_hand, "This event is cancelled, so no booking can be added." in by_hand) == (False, True)


@ONE
def test_only_this_page_may_use_the_camera(desk: Visitor, door: str):
    assert "camera=(self)" in desk.get(door).headers["Permissions-Policy"]
    assert "camera=()" in desk.get(f"{door}/list").headers["Permissions-Policy"]


def test_a_scan_asks_the_database_the_same_however_many_have_come(
    app: Flask, mira: User, event: Event, door: str, record_testsuite_property
):
    client = log_in(app.test_client(), mira)
    token = Visitor(client).token(door)
    asked, took = [], []
    sa.event.listen(db.engine, "before_cursor_execute", note := lambda *said: asked.append(said[2]))
    try:
        for seats in (1, 9):
            booking = make_booking(event=event, tickets=seats)
            code = ticket(booking).signed
            asked.clear()
            begun = time.process_time()
            answer = client.post(door, data={"csrf_token": token, "code": code}, headers={"HX-Request": "true"})
            took.append((len(asked), round(1000 * (time.process_time() - begun), 1)))
            assert 'data-verdict="valid"' in answer.text
            client.post(door, data={"csrf_token": token, "ticket": f"{booking.id}:"})
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    # What is promised is 200 ms; its own time, because others may be at work on this machine.
    record_testsuite_property(f"statements and milliseconds of two scans, {db.engine.dialect.name}", str(took))
    assert max(milliseconds for _, milliseconds in took) < 200
    # Session, person and event, the locked booking, its seats, the row, and the counters; SQLite counts each BEGIN.
    assert took[0][0] == took[1][0] <= 16, asked


@ONE
def test_the_page_needs_the_same_statements_for_few_and_many(
    app: Flask, mira: User, event: Event, door: str, statements: Callable[..., int], desk: Visitor
):
    client = log_in(app.test_client(), mira)
    counts = []
    for bookings in (1, 6):
        for _ in range(bookings):
            scan(desk, door, ticket=f"{make_booking(event=event, tickets=2).id}:")
        counts.append([statements(client, address) for address in (door, f"{door}?q=user", f"{door}/turnout", f"{door}/list")])
    assert counts[0] == counts[1]


def test_the_printed_list_names_every_seat_and_is_written_before_it_is_sent(desk: Visitor, event: Event, door: str):
    bookings = [make_booking(user=make_user(first_name="Ada", last_name=f"Quill{n}"), event=event, tickets=2) for n in range(2)]
    make_booking(user=make_user(last_name="Waiting"), event=event, decided=False)
    scan(desk, door, code=ticket(bookings[1], 2).code)
    lent = db.engine.pool.checkedout()  # type: ignore[attr-defined] # of pools that keep connections
    answer = desk.client.get(f"{door}/list", buffered=False)
    # Nobody has read a byte of it yet.
    assert db.engine.pool.checkedout() <= lent  # type: ignore[attr-defined]
    page = answer.text
    assert answer.headers["Content-Length"] == str(len(page.encode()))
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    lines = [" ".join(words(line.replace("</td>", " ")).split()) for line in re.findall(r"<tr><td>(.*?)</tr>", page)]
    codes = [ticket(booking, seat).code for booking in bookings for seat in (1, 2)]
    assert lines == [
        f"☐no Quill0, Ada{codes[0]} 1 of 2",
        f"☐no Quill0, Ada{codes[1]} 2 of 2",
        f"☐no Quill1, Ada{codes[2]} 1 of 2",
        f"☒yes Quill1, Ada{codes[3]} 2 of 2",
    ]
    assert "Nobody has a ticket yet." in desk.get(f"/dashboard/events/{make_event(by=event.organizer).id}/check-in/list").text


@ONE
def test_other_organizers_stay_outside(app: Flask, event: Event, door: str):
    booking, rival = make_booking(event=event), Visitor(log_in(app.test_client(), make_organizer()))
    token = {"csrf_token": rival.token("/account")}
    for page in ("", "/turnout", "/list"):
        assert rival.get(door + page).status_code == 403
    assert rival.client.post(door, data={**token, "code": ticket(booking).code}).status_code == 403
    assert rival.client.post(f"{door}/undo", data={**token, "ticket": f"{booking.id}:1"}).status_code == 403
    assert rows() == 0
