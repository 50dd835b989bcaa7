"""A newcomer in a browser, from the list of events to a ticket and back: with a web server, a worker and a mail server."""

import re

import icalendar
import pytest
from playwright.sync_api import Page, expect

from evently.bookings.consistency import check
from tests.factories import in_days, make_event
from tests.harness.site import fresh

FIRST = re.compile(r"^(Sign in and book|Book) ")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_guest_finds_an_event_registers_books_and_cancels(app, new_page, smtp_server, javascript):
    event = make_event(name="Nachtkonzert für Cello", venue="Kühlhaus", time=in_days(12), capacity=20)
    make_event(name="Brass breakfast")
    page = new_page(javascript=javascript)

    find(page)
    register(page)
    book(page)

    # One mail asks whether the address is right, the other is about the tickets.
    (confirmation,) = (mail for mail in smtp_server.wait_for(2) if "Your 2 tickets" in mail["Subject"])
    assert "mira@example.org" in confirmation["To"]
    assert "Nachtkonzert für Cello" in confirmation["Subject"]
    for kind in ("plain", "html"):
        assert page.url.split("?")[0] in confirmation.get_body((kind,)).get_content()
    fresh()
    assert event.reserved_tickets == 2

    ticket = show_tickets(page)
    take_calendar_file(page)
    cancel(page)
    page.goto(ticket)
    expect(page.get_by_text("No admission")).to_be_visible()
    assert "mira@example.org" in smtp_server.wait_for(3)[2]["To"]
    fresh()
    assert event.reserved_tickets == 0
    assert list(check()) == []


def find(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Search by name, venue or city").fill("cello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Brass breakfast")).to_have_count(0)
    page.get_by_role("link", name="Nachtkonzert für Cello").first.click()
    expect(page.get_by_role("heading", name="Nachtkonzert für Cello")).to_be_visible()


def register(page: Page) -> None:
    page.get_by_label("How many tickets?").fill("2")
    page.get_by_role("button", name="New here? Create an account").click()
    page.get_by_label("E-mail").fill("mira@example.org")
    page.get_by_label("Username").fill("mira")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("link", name="mira")).to_be_visible()


def book(page: Page) -> None:
    """What was chosen before registering is still there."""
    expect(page.get_by_label("How many tickets?")).to_have_value("2")
    page.get_by_role("button", name=FIRST).click()
    # It turns confirmed by itself: by htmx, or by a refresh where there are no scripts.
    expect(page.get_by_role("heading", name="Two seats are yours")).to_be_visible()


def show_tickets(page: Page) -> str:
    """The address of one of them."""
    booking = page.url
    page.get_by_role("link", name="Show 2 tickets").click()
    expect(page.get_by_role("img", name=re.compile("^QR code of ticket"))).to_have_count(2)
    page.goto(booking)
    page.locator("a.ticket__code").last.click()
    expect(page.get_by_text("Valid, not used yet")).to_be_visible()
    expect(page.get_by_text("Seat 2 of 2").last).to_be_visible()
    ticket = page.url
    page.goto(booking)
    return ticket


def take_calendar_file(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="Add to calendar").click()
    [entry] = icalendar.Calendar.from_ical(download.value.path().read_bytes()).events
    assert entry["SUMMARY"] == "Nachtkonzert für Cello"
    assert "2 tickets: " in entry["DESCRIPTION"]


def cancel(page: Page) -> None:
    page.get_by_role("link", name="My bookings", exact=True).click()
    expect(page.get_by_role("link", name="Nachtkonzert für Cello")).to_be_visible()
    page.get_by_role("link", name="Cancel booking").click()
    page.get_by_role("button", name="Cancel 2 tickets").click()
    expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
    page.get_by_role("link", name="My bookings", exact=True).click()
    expect(page.get_by_role("link", name="Nachtkonzert für Cello")).to_have_count(0)
