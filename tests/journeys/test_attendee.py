"""A newcomer in a browser, from the list of events to a ticket and back: with a web server, a worker and a mail server."""

import re

import pytest
from playwright.sync_api import Page, expect

from evently.bookings.ledger import check
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

    (confirmation,) = smtp_server.wait_for(1)
    assert "mira@example.org" in confirmation["To"]
    assert "Nachtkonzert für Cello" in confirmation["Subject"]
    for kind in ("plain", "html"):
        assert page.url.split("?")[0] in confirmation.get_body((kind,)).get_content()
    fresh()
    assert event.reserved_tickets == 2

    cancel(page)
    assert "mira@example.org" in smtp_server.wait_for(2)[1]["To"]
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


def cancel(page: Page) -> None:
    page.get_by_role("link", name="All my bookings").click()
    expect(page.get_by_role("link", name="Nachtkonzert für Cello")).to_be_visible()
    page.get_by_role("link", name="Cancel booking").click()
    page.get_by_role("button", name="Cancel 2 tickets").click()
    expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
    page.get_by_role("link", name="My bookings", exact=True).click()
    expect(page.get_by_role("link", name="Nachtkonzert für Cello")).to_have_count(0)
