"""The door in a real browser: a hand scanner that types, a camera that sees, and a network that goes away."""

import pytest
import segno
from flask import Flask
from playwright.sync_api import Page, expect

from evently.bookings.check_ins import undo_check_in
from evently.bookings.models import Booking, CheckIn
from evently.bookings.tickets import Ticket, list_tickets
from evently.events.models import Event
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event, make_organizer, make_user
from tests.harness.browser import NewPage
from tests.harness.site import fresh
from tests.web.test_accessibility import log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
# A picture in place of what the lens sees.
LENS = """picture => {
  const canvas = document.createElement("canvas"), image = new Image();
  canvas.width = 640; canvas.height = 480;
  image.onload = () => setInterval(() => {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#999";
    pen.fillRect(0, 0, 640, 480);
    pen.drawImage(image, 120, 40, 400, 400);
  }, 50);
  image.src = picture;
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
}"""


@pytest.fixture
def event(app: Flask) -> Event:
    return make_event(by=make_organizer(first_name="Mira"), name="Nachtkonzert im Gasometer", time=in_days(0.1), capacity=40)


@pytest.fixture
def booking(event: Event) -> Booking:
    return make_booking(user=make_user(first_name="Ada", last_name="Quillfeather"), event=event, tickets=4)


def stand_at(page: Page, event: Event) -> None:
    log_in(page, event.organizer)
    page.goto(f"/dashboard/events/{event.id}/check-in")


def tickets(booking: Booking) -> list[Ticket]:
    return list_tickets(by=booking.user, booking_id=booking.id)


def count() -> int:
    fresh()
    return db.session.query(CheckIn).count()


def test_a_hand_scanner_types_one_ticket_after_the_other(page: Page, event: Event, booking: Booking):
    stand_at(page, event)
    verdict = page.locator("#scan-result")
    expect(page.get_by_label("Scan a ticket")).to_be_focused()
    for ticket in tickets(booking)[:2]:
        page.keyboard.type(ticket.signed)
        page.keyboard.press("Enter")
    expect(verdict).to_contain_text("seat 2 of 4")
    expect(page.locator("#latest-scans li")).to_have_count(2)
    page.keyboard.type(tickets(booking)[0].code)
    page.keyboard.press("Enter")
    expect(verdict).to_contain_text("Already used")
    expect(page.locator("#refused-here li")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("Already used. Ada Quillfeather, seat 1 of 4")
    verdict.get_by_role("button", name="Check in the other 2 too").click()
    expect(verdict).to_contain_text("seats 3, 4 of 4")
    expect(page.locator("#door-turnout")).to_contain_text("100 % of 4")
    page.get_by_role("button", name="Undo Ada Quillfeather, seat 3").click()
    expect(verdict).to_contain_text("Undone")
    expect(page.locator("#latest-scans li")).to_have_count(3)
    page.get_by_label("No ticket at hand?").press_sequentially("quill")
    page.get_by_role("button", name="Check in of Ada Quillfeather").click()
    expect(verdict).to_contain_text("Valid")
    expect(verdict).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#door-matches")).to_contain_text("Inside")
    expect(page.get_by_label("Scan a ticket")).to_be_focused()
    assert count() == 4


def test_a_camera_reads_the_qr_code(page: Page, event: Event, booking: Booking):
    picture = segno.make(tickets(booking)[1].signed, error="m").svg_data_uri(scale=4, light="#fff")
    stand_at(page, event)
    page.evaluate(LENS, picture)
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#scan-result")).to_contain_text("Ada Quillfeather, seat 2 of 4")
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("#camera")).to_be_hidden()
    assert count() == 1


def test_without_network_nobody_is_let_in_and_scans_are_kept(page: Page, event: Event, booking: Booking):
    stand_at(page, event)
    page.context.set_offline(True)
    for ticket in tickets(booking)[:2]:
        page.keyboard.type(ticket.code)
        page.keyboard.press("Enter")
    expect(page.locator("#unsent")).to_contain_text("2 scans wait here and will be sent again; nobody is let in until then.")
    expect(page.locator("#scan-result")).to_contain_text("No answer")
    assert count() == 0
    page.context.set_offline(False)
    expect(page.locator("#scan-result")).to_contain_text("seat 2 of 4")
    expect(page.locator("#latest-scans")).to_contain_text("seat 1 of 4")
    expect(page.locator("#unsent")).to_be_hidden()
    assert count() == 2


def test_an_answer_that_was_lost_is_given_again_and_a_refusal_is_no_verdict(page: Page, event: Event, booking: Booking):
    stand_at(page, event)
    lost: list[str] = []

    def lose(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    page.route("**/check-in", lose)
    page.keyboard.type(tickets(booking)[0].code)
    page.keyboard.press("Enter")
    expect(page.locator("#scan-result")).to_contain_text("Valid")
    assert ("Valid" in lost[0], count()) == (True, 1)
    # At another door somebody was quicker.
    undo_check_in(by=event.organizer, event_id=event.id, booking_id=booking.id, seat=1)
    page.locator("#scan-result").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody has come in with this ticket.")
    expect(page.locator("#scan-result")).to_contain_text("No answer")
    expect(page.locator("#unsent")).to_be_hidden()


def test_the_pages_are_accessible_fit_a_phone_and_work_without_scripts(new_page: NewPage, event: Event, booking: Booking):
    page = new_page(javascript=False, width=390)
    stand_at(page, event)
    page.get_by_label("Scan a ticket").fill(tickets(booking)[0].code)
    page.keyboard.press("Enter")
    expect(page.locator("#scan-result")).to_contain_text("Ada Quillfeather, seat 1 of 4")
    page.locator("#scan-result").get_by_role("button", name="Undo").click()
    expect(page.locator("#scan-result")).to_contain_text("Undone")
    page = new_page()
    log_in(page, event.organizer)
    address = f"/dashboard/events/{event.id}/check-in"
    look_at(page, [address, f"{address}?q=quill", f"{address}/list"])
