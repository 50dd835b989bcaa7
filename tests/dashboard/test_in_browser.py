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
    addresses += [f"/events/{event.id}", f"/events/{event.id}/cancellation", f"/events/{event.id}/messages"]
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


def test_what_is_written_is_looked_at_before_anybody_gets_it(page: Page, mira: User, event: Event):
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type in {"warning", "error"} else None)
    log_in(page, mira)
    page.goto("/dashboard/events/new")
    page.get_by_label("Description").fill("## Doors at eight\n\nBring **shoes**.")
    page.get_by_role("button", name="Preview the description").click()
    expect(page.locator("#description-preview h3")).to_have_text("Doors at eight")
    expect(page).to_have_url("/dashboard/events/new")
    page.goto(f"/dashboard/events/{event.id}/messages")
    for audience in ("People in line", "People with tickets"):
        page.get_by_label(audience, exact=True).check(force=True)
    expect(page.locator("#message-audience")).to_contain_text("22 people")
    page.get_by_label("Message", exact=True).fill("Bring a coat.")
    page.get_by_role("button", name="See how it looks").click()
    expect(page.frame_locator("#message-preview iframe").get_by_role("paragraph").filter(has_text="Bring a coat.")).to_be_visible()
    page.goto(f"/dashboard/events/{event.id}/cancellation")
    page.get_by_label("A word to them").fill("The organ is broken.")
    page.get_by_role("button", name="See the mail").click()
    expect(page.frame_locator("#cancellation-mail iframe").get_by_role("paragraph").filter(has_text="The organ is broken.")).to_be_visible()
    page.get_by_role("button", name="Cancel the event and tell 22 people").click()
    expect(page.get_by_text("The organ is broken.")).to_be_visible()
    assert warnings == []


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
