"""What only a browser shows: filters that follow the typing, the stepper, and a page that turns confirmed by itself."""

import re

import pytest
from playwright.sync_api import expect

from evently.accounts.models import User
from evently.bookings.queries import list_bookings
from tests.factories import in_days, make_booking, make_event, make_user
from tests.harness.browser import NewPage
from tests.harness.site import fresh
from tests.web.test_accessibility import log_in

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


def bookings_of(user: User) -> int:
    fresh()
    return list_bookings(by=user, user_id=user.id).total


def test_filters_follow_the_visitor(new_page: NewPage):
    for name in ("Organ night", "Organ tea", "Brass breakfast"):
        make_event(name=name)
    page = new_page()
    page.goto("/")
    page.get_by_label("Search by name, venue or city").fill("organ")
    expect(page.locator("#results-title")).to_have_text("2 events")
    expect(page.locator("#announcer")).to_have_text("2 events")
    expect(page).to_have_url(re.compile(r"/\?q=organ$"))
    page.get_by_label("Category").select_option("music")
    expect(page.locator("#results-title")).to_have_text("No events match")
    page.go_back()
    expect(page.locator("#results-title")).to_have_text("2 events")
    expect(page.get_by_label("Category")).to_have_value("")
    page.get_by_role("link", name="Remove filter: “organ”").click()
    expect(page.locator("#results-title")).to_have_text("3 events")

    # The dates show only while they count.
    expect(page.get_by_label("From")).to_be_hidden()
    page.get_by_text("Pick dates").click()
    expect(page.get_by_label("From")).to_be_visible()
    page.get_by_text("This weekend").click()
    expect(page.get_by_label("From")).to_be_hidden()

    # A search that is emptied again leaves nothing behind: neither an error nor another order.
    page.goto("/?sort=price")
    page.get_by_label("Search by name, venue or city").fill("zzz")
    expect(page.locator("#results-title")).to_have_text("No events match")
    page.get_by_label("Search by name, venue or city").fill("")
    expect(page.locator("#results-title")).to_have_text("3 events")
    expect(page).to_have_url(re.compile(r"/\?sort=price$"))

    page.context.set_offline(True)
    page.get_by_label("Search by name, venue or city").fill("brass")
    expect(page.get_by_role("alert")).to_contain_text("could not be reached")


def test_the_calendar_turns_its_months_and_keeps_the_search(new_page: NewPage):
    first = make_event(name="Organ night", category="music", time=in_days(40))
    make_event(name="Organ talk", category="talk", time=in_days(40))
    page = new_page()
    page.goto(f"/?view=calendar&month={first.time:%Y-%m}")
    title = page.locator("#results-title")
    expect(title).to_have_text(f"2 events in {first.time:%B %Y}")
    page.get_by_label("Category").select_option("music")
    expect(title).to_have_text(f"1 event in {first.time:%B %Y}")
    page.get_by_role("navigation", name="Months").get_by_role("link").last.click()
    expect(title).to_have_text(re.compile("No events in"))
    page.reload()
    expect(title).to_have_text(re.compile("No events in"))
    page.go_back()
    expect(title).to_have_text(f"1 event in {first.time:%B %Y}")
    expect(page.get_by_label("Category")).to_have_value("music")
    page.get_by_role("link", name="List", exact=True).click()
    expect(title).to_have_text("1 event")
    expect(page).to_have_url(re.compile(r"/\?category=music$"))
    # On a phone the grid is a list of the days that have something.
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_role("link", name="Calendar", exact=True).click()
    expect(page.locator("table.calendar thead")).to_be_hidden()


def test_the_booking_box_follows_the_visitor_and_the_status_the_booking(new_page: NewPage):
    event, user = make_event(capacity=5, max_tickets_per_booking=3), make_user()
    page = new_page()
    log_in(page, user)
    page.goto(f"/events/{event.id}")
    more, fewer = page.get_by_role("button", name="One more"), page.get_by_role("button", name="One fewer")
    expect(fewer).to_be_disabled()
    more.click()
    more.click()
    expect(more).to_be_disabled()
    expect(page.locator("output")).to_have_text("€37.50")

    # Somebody was quicker: the refusal stays in place and takes the focus.
    make_booking(event=event, tickets=3)
    page.get_by_role("button", name="Book 3 tickets").click()
    expect(page.locator("#error-summary")).to_contain_text("Only 2 seats are left, you asked for 3.")
    expect(page.locator("#error-summary")).to_be_focused()

    # Two presses are one booking, and it turns confirmed by itself.
    page.get_by_label("How many tickets?").fill("1")
    page.get_by_role("button", name="Book 1 ticket").dblclick()
    expect(page.get_by_role("heading", name="One seat is yours")).to_be_visible()
    expect(page.get_by_text("Mail sent")).to_be_visible()
    assert bookings_of(user) == 1

    # Going back to book again is another booking.
    page.go_back()
    page.get_by_role("button", name="Book 1 ticket").click()
    expect(page.get_by_role("heading", name="One seat is yours")).to_be_visible()
    assert bookings_of(user) == 2
