"""Booking in a browser where it goes another way: the last seat goes to somebody else, and nobody has a mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, make_booking, make_event, make_user
from tests.harness.browser import NewPage
from tests.web.test_accessibility import log_in

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
# More than any page has places to go to.
MANY = 80


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_the_last_seat_goes_to_somebody_else(new_page: NewPage, javascript: bool):
    event = make_event(name="Nachtkonzert", capacity=1)
    make_event(name="Another evening")
    page = new_page(javascript=javascript)
    log_in(page, make_user())
    page.goto(f"/events/{event.id}")
    button = page.get_by_role("button", name="Book 1 ticket")
    expect(button).to_be_visible()

    make_booking(event=event)
    button.click()
    expect(page.locator("#error-summary")).to_contain_text("Nothing was booked.")
    expect(page.get_by_role("heading", name="Sold out", exact=True)).to_be_visible()
    expect(button).to_have_count(0)
    page.get_by_role("link", name="More like this, with seats left").click()
    expect(page.get_by_role("link", name="Another evening").first).to_be_visible()
    expect(page.get_by_role("link", name="Nachtkonzert")).to_have_count(0)


def test_the_keyboard_alone_books(new_page: NewPage):
    make_event(name="Nachtkonzert")
    user = make_user()
    page = new_page()
    page.goto("/")
    choose(page, "Nachtkonzert")
    expect(page.get_by_role("heading", name="Nachtkonzert", exact=True)).to_be_visible()
    choose(page, "Sign in and book 1 ticket")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    tab_to(page, "username")
    page.keyboard.type(user.username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Book 1 ticket", exact=True)).to_be_visible()
    choose(page, "Book 1 ticket")
    expect(page.get_by_role("heading", name="One seat is yours")).to_be_visible()
    choose(page, "Show ticket")
    expect(page.get_by_text("Admits")).to_be_visible()


def choose(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called like this, or the field of this name, has the focus."""
    for _ in range(MANY):
        page.keyboard.press("Tab")
        focused = page.evaluate("(document.activeElement.textContent.trim() || document.activeElement.name).replace(/\\s+/g, ' ')")
        if focused == name:
            return
    pytest.fail(f"the keyboard comes by no “{name}”")
