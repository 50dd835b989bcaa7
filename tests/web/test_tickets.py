"""Tickets as pages: who sees them, what a scanner reads, what a refused one shows, and what the printer gets."""

import io
import re

import pytest
import resvg_py
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from evently.bookings.models import Booking, CheckIn
from evently.bookings.services import cancel_booking
from evently.bookings.ticket_codes import public_key_pem
from evently.bookings.tickets import tickets_of
from evently.database import transaction
from tests.bookings.test_tickets import check_as_a_door_would
from tests.factories import log_in, make_booking, make_event, make_organizer, make_user


def drawn(page: str) -> list[str]:
    """The QR codes of a page, as SVG documents of their own."""
    return [svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1) for svg in re.findall(r'<svg [^>]*class="qr".*?</svg>', page)]


def scan(svg: str) -> str:
    """What a scanner reads from the screen of a phone."""
    png = resvg_py.svg_to_bytes(svg_string=svg, background="white", width=245)
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(bytes(png))))
    assert len(found) == 1
    return found[0].text


def let_in(booking: Booking, seat: int) -> None:
    with transaction() as session:
        session.add(CheckIn(booking_seq=booking.seq, event_id=booking.event_id, seat=seat))


def test_the_timeline_of_a_booking_tells_who_has_come(client: FlaskClient):
    booking = make_booking(tickets=2)
    log_in(client, booking.user)

    def told() -> tuple[list[tuple[str, str]], bool]:
        page = client.get(f"/bookings/{booking.id}").text
        return re.findall(r"<strong>(Checked in|At the door)</strong>|(\d of 2 seats)", page), "Cancel booking" in page

    assert told() == ([("At the door", "")], True)
    let_in(booking, 2)
    assert told() == ([("Checked in", ""), ("", "1 of 2 seats"), ("At the door", "")], False)
    let_in(booking, 1)
    assert told() == ([("Checked in", ""), ("", "2 of 2 seats")], False)


def test_a_ticket_shows_its_state_its_codes_and_whose_it_is(client: FlaskClient):
    user = make_user(first_name="Mira", last_name="<Talberg>")
    booking = make_booking(user=user, event=make_event(name="Nachtkonzert", venue="Gaswerk Nord, Leipzig"), tickets=2)
    second = tickets_of(booking)[1]
    page = log_in(client, user).get(f"/tickets/{second.name}").text
    assert "Valid, not used yet" in page
    assert second.code in page
    assert "Seat 2 of 2" in page
    assert "Mira &lt;Talberg&gt;" in page
    assert "Gaswerk Nord, Leipzig" in page
    # On a phone the stub comes first, and it does so in print and for screen readers by its place in the grid alone.
    assert page.index("Valid, not used yet") < page.index('class="qr"') < page.index(f'class="ticket__code">{second.code}')
    assert check_as_a_door_would(scan(drawn(page)[0])) == (second.code.replace(" ", ""), booking.event_id)


@pytest.mark.parametrize("write", [str.lower, lambda code: code.replace(" ", ""), lambda code: code])
def test_however_a_code_is_written_it_leads_to_the_one_address(client: FlaskClient, write):
    booking = make_booking()
    ticket = tickets_of(booking)[0]
    answer = log_in(client, booking.user).get(f"/tickets/{write(ticket.code)}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/tickets/{ticket.name}")


def test_a_ticket_is_its_holders_the_organizers_and_the_staffs(client: FlaskClient):
    organizer = make_organizer()
    booking = make_booking(event=make_event(by=organizer))
    addresses = [f"/tickets/{tickets_of(booking)[0].name}", f"/bookings/{booking.id}/tickets", f"/bookings/{booking.id}/calendar.ics"]
    for address in addresses:
        assert client.get(address).headers["Location"].startswith("/login?next=")
    for user, status in ((organizer, 200), (make_user(), 404)):
        log_in(client, user)
        assert [client.get(address).status_code for address in addresses] == [status] * 3
    assert client.get("/tickets/2222-2222").status_code == 404
    assert client.get("/tickets/%00").status_code == 404


def test_a_cancelled_booking_has_no_code_to_scan(client: FlaskClient):
    booking = make_booking()
    cancel_booking(by=booking.user, booking_id=booking.id)
    page = log_in(client, booking.user).get(f"/tickets/{tickets_of(booking)[0].name}").text
    assert drawn(page) == []
    assert ">Void<" in page
    assert "No admission" in page
    assert "Print" not in page


def test_a_used_ticket_says_when(client: FlaskClient):
    booking = make_booking(tickets=2)
    let_in(booking, 1)
    log_in(client, booking.user)
    used, valid = (client.get(f"/tickets/{ticket.name}").text for ticket in tickets_of(booking))
    assert drawn(used) == []
    assert "Let in" in used
    assert len(drawn(valid)) == 1


def test_all_tickets_of_a_booking_stand_on_one_page(client: FlaskClient):
    booking = make_booking(tickets=10)
    let_in(booking, 4)
    page = log_in(client, booking.user).get(f"/bookings/{booking.id}/tickets").text
    assert len({scan(svg) for svg in drawn(page)}) == 9
    assert page.count('<article class="ticket') == 10
    assert len(page) < 60_000


def test_a_crowd_has_its_tickets_on_several_pages(client: FlaskClient):
    booking = make_booking(event=make_event(capacity=200, max_tickets_per_booking=200), tickets=120)
    log_in(client, booking.user)
    address = f"/bookings/{booking.id}/tickets"
    assert [client.get(f"{address}?page={page}").text.count('<article class="ticket') for page in (1, 2, 3, 4)] == [50, 50, 20, 20]
    assert len(tickets_of(booking)[119].code) == 14


def test_what_never_came_to_tickets_leads_to_the_booking(client: FlaskClient):
    booking = make_booking(decided=False)
    answer = log_in(client, booking.user).get(f"/bookings/{booking.id}/tickets")
    assert answer.headers["Location"] == f"/bookings/{booking.id}"


def test_booking_and_list_lead_to_tickets(client: FlaskClient):
    one, two = make_booking(), None
    two = make_booking(user=one.user, tickets=2)
    log_in(client, one.user)
    name = tickets_of(one)[0].name
    for page in (client.get("/bookings").text, client.get(f"/bookings/{one.id}").text):
        assert f'href="/tickets/{name}"' in page
        assert f'href="/bookings/{one.id}/calendar.ics"' in page
    assert f'href="/bookings/{two.id}/tickets"' in client.get("/bookings").text


def test_doors_get_the_public_key_from_everybodys_address(client: FlaskClient):
    answer = client.get("/tickets/public-key.pem")
    assert answer.text == public_key_pem()
    assert "PRIVATE" not in answer.text
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


def test_the_keeper_of_tickets_is_served_where_it_rules_over_them(client: FlaskClient):
    answer = client.get("/tickets/offline.js")
    assert answer.mimetype == "text/javascript"
    assert "no-cache" in answer.headers["Cache-Control"]
    assert "worker-src 'self'" in client.get("/").headers["Content-Security-Policy"]
