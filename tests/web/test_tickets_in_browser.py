"""What only a browser shows of tickets: that they open without network, that signing out takes them away, and paper."""

import io
import re

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, Page, expect

from evently.bookings.services import cancel_booking
from evently.bookings.tickets import tickets_of
from tests.factories import make_booking, make_user
from tests.harness.browser import NewPage
from tests.web.test_accessibility import log_in
from tests.web.test_tickets import check_as_a_door_would

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


def scan_screen(page: Page) -> list[str]:
    """What a scanner reads from the screen."""
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot(full_page=True))))]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_scanner_reads_the_screen_of_a_phone(new_page: NewPage, theme: str):
    user = make_user()
    ticket = tickets_of(make_booking(user=user))[0]
    page = new_page(width=360, height=740)
    page.emulate_media(color_scheme=theme)
    log_in(page, user)
    page.goto(f"/tickets/{ticket.name}")
    [content] = scan_screen(page)
    assert check_as_a_door_would(content)[0] == ticket.code.replace(" ", "")
    # State and code come before the details.
    heights = [page.locator(part).bounding_box()["y"] for part in (".badge--valid", ".qr", ".ticket__code", ".facts")]
    assert heights == sorted(heights)


def test_a_ticket_opens_without_network_until_one_signs_out(new_page: NewPage):
    user = make_user()
    booking = make_booking(user=user)
    ticket = tickets_of(booking)[0]
    page = new_page(keeps_tickets=True, width=390)
    log_in(page, user)
    page.goto(f"/tickets/{ticket.name}")
    expect(page.get_by_text("opens without network")).to_be_visible()
    page.context.set_offline(True)
    page.goto(f"/tickets/{ticket.name}")
    expect(page.get_by_text("Valid, not used yet")).to_be_visible()
    assert len(scan_screen(page)) == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.ticket')).display") == "grid"

    # With network, what is true now is shown, and kept.
    page.context.set_offline(False)
    cancel_booking(by=user, booking_id=booking.id)
    page.reload()
    expect(page.get_by_text("No admission")).to_be_visible()
    page.context.set_offline(True)
    page.goto(f"/tickets/{ticket.name}")
    expect(page.get_by_text("No admission")).to_be_visible()

    page.context.set_offline(False)
    page.goto("/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_"):
        page.goto(f"/tickets/{ticket.name}")


def test_each_ticket_is_a_page_of_paper(new_page: NewPage):
    user = make_user()
    booking = make_booking(user=user, tickets=3)
    page = new_page()
    log_in(page, user)
    for address, pages in ((f"/bookings/{booking.id}/tickets", 3), (f"/tickets/{tickets_of(booking)[0].name}", 1)):
        page.goto(address)
        paper = page.pdf(format="A4")
        assert len(re.findall(rb"/Type /Page\b", paper)) == pages
        page.emulate_media(media="print")
        expect(page.locator("header.fascia")).to_be_hidden()
        expect(page.get_by_role("button", name="Print")).to_be_hidden()
        page.emulate_media(media="screen")


def test_without_script_a_ticket_is_a_ticket(new_page: NewPage):
    user = make_user()
    ticket = tickets_of(make_booking(user=user, tickets=2))[1]
    page = new_page(javascript=False, width=390)
    log_in(page, user)
    page.goto("/bookings")
    page.get_by_role("link", name="Show 2 tickets").click()
    expect(page.locator("article.ticket")).to_have_count(2)
    page.goto(f"/tickets/{ticket.name}")
    assert len(scan_screen(page)) == 1
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
