"""The dashboard in a real browser: as assistive technology finds it, on a phone, with and without scripts."""

import pytest
from playwright.sync_api import Page, expect

from evently.accounts.models import User
from evently.events.models import Event
from tests.factories import in_days, make_booking, make_event
from tests.harness.browser import NewPage
from tests.web.test_accessibility import log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft an Bord"


@pytest.fixture
def event(mira: User) -> Event:
    event = make_event(by=mira, name=LONG, description="# Programme", time=in_days(3), capacity=25)
    for _ in range(22):
        make_booking(event=event)
    return event


def test_every_page_is_accessible_and_fits_a_phone(new_page: NewPage, mira: User, event: Event):
    draft = make_event(by=mira, status="draft")
    page = new_page()
    log_in(page, mira)
    addresses = ["/", "/events", "/events?q=zzz", "/events/new", f"/events/{draft.id}"]
    addresses += [f"/events/{event.id}", f"/events/{event.id}/cancellation"]
    look_at(page, [f"/dashboard{address}" for address in addresses])


def test_the_list_follows_what_is_typed_without_a_new_page(page: Page, mira: User, event: Event):
    make_event(by=mira, name="Organ night")
    log_in(page, mira)
    page.goto("/dashboard/events")
    page.evaluate("document.body.dataset.stayed = 'yes'")
    page.get_by_label("Find an event").press_sequentially("organ")
    expect(page.get_by_role("link", name=LONG)).to_have_count(0)
    expect(page).to_have_url("/dashboard/events?q=organ", timeout=5000)
    expect(page.locator("#announcer")).to_have_text("1 event")
    page.get_by_label("Past").check(force=True)
    expect(page).to_have_url("/dashboard/events?q=organ&when=past")
    expect(page.get_by_text("Nothing like that")).to_be_visible()
    assert page.evaluate("document.body.dataset.stayed") == "yes"


def test_the_bookings_turn_their_pages_in_place(page: Page, mira: User, event: Event):
    log_in(page, mira)
    page.goto(f"/dashboard/events/{event.id}")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#booking-table tbody tr")).to_have_count(2)
    expect(page).to_have_url(f"/dashboard/events/{event.id}?page=2")


def test_a_description_is_previewed_while_it_is_written(page: Page, mira: User):
    log_in(page, mira)
    page.goto("/dashboard/events/new")
    page.get_by_label("Description").fill("## Doors at eight\n\nBring **shoes**.")
    page.get_by_role("button", name="Preview the description").click()
    expect(page.locator("#description-preview h3")).to_have_text("Doors at eight")
    expect(page).to_have_url("/dashboard/events/new")


@pytest.mark.parametrize("javascript", [True, False])
def test_an_event_is_created_corrected_published_and_cancelled(new_page: NewPage, mira: User, javascript: bool):
    page = new_page(javascript=javascript, width=390)
    log_in(page, mira)
    page.get_by_role("link", name="Organize").click()
    page.get_by_role("link", name="Create your first event").click()
    page.get_by_label("Name", exact=True).fill("Seerunde")
    page.get_by_label("Venue").fill("Seepark")
    page.get_by_label("Starts").fill("2034-06-01T10:00")
    page.get_by_label("Seats").fill("0")
    page.get_by_label("Price a ticket").fill("15")
    page.get_by_role("button", name="Save as draft").click()
    summary = page.locator("#error-summary")
    expect(summary).to_contain_text("Seats: Choose 1 to 1,000,000 seats.")
    if javascript:
        expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(page.get_by_label("Seats")).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Seerunde")
    page.get_by_label("Seats").fill("120")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("heading", name="Seerunde")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The event is published.")).to_be_visible()
    page.get_by_role("link", name="View public page").click()
    expect(page.get_by_role("heading", name="Seerunde", level=1)).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Cancel this event…").click()
    page.get_by_role("button", name="Cancel the event").click()
    expect(page.get_by_role("heading", name="This event is cancelled")).to_be_visible()
