"""The attendees in a real browser: as assistive technology finds them, on a phone, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from evently.accounts.models import User
from evently.events.models import Event
from tests.factories import make_booking, make_event, make_user
from tests.harness.browser import NewPage
from tests.harness.crowd import make_crowd
from tests.web.test_accessibility import findings, log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def event(mira: User) -> Event:
    event = make_event(by=mira, capacity=25)
    make_crowd(event, 60)
    return event


def test_pages_are_accessible_and_rows_are_found_ticked_cancelled_and_exported(new_page: NewPage, mira: User, event: Event):
    long = make_user(first_name="Wolfgang-Maximilian", last_name="Oberndorfer-Schattenbruck", email=f"{'w' * 50}@kellerbuehne.example")
    booking = make_booking(user=long, event=event)
    base = f"/dashboard/events/{event.id}/attendees"
    page = new_page()
    log_in(page, mira)
    look_at(page, [base, f"{base}/{booking.id}", f"{base}/new", f"{base}/export", f"{base}/cancel?all=1", f"{base}/admit?all=1"])
    page.goto(base)
    for width in (820, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        # On a tablet, too, nothing of the table is out of sight.
        assert page.locator(".scroll").evaluate("box => box.scrollWidth <= box.clientWidth")
    page.get_by_label("Find an attendee").fill("hopper")
    expect(page).to_have_url(re.compile(r"q=hopper"))
    expect(page.locator("#announcer")).to_have_text(re.compile(r"^\d bookings$"))
    bar = page.get_by_role("group", name="With the chosen bookings")
    expect(bar).to_be_hidden()
    page.get_by_label("this page").check()
    assert page.locator(".bulk b").evaluate("bar => getComputedStyle(bar, '::before').content") == 'counter(chosen) " chosen"'
    expect(page.locator("tbody .tick:not(:checked)")).to_have_count(0)
    bar.get_by_role("button", name="Cancel bookings").click()
    page.get_by_role("button", name=re.compile(r"^Cancel \d")).click()
    expect(page.get_by_text("Done:")).to_be_visible()
    assert findings(page) == []
    page.goto(f"{base}/export?state=confirmed")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith("-attendees.csv")
    expect(page.get_by_role("main").get_by_text("the file is complete")).to_be_visible()


def test_without_scripts_on_a_phone(new_page: NewPage, mira: User, event: Event):
    page = new_page(javascript=False, width=390)
    log_in(page, mira)
    page.goto(f"/dashboard/events/{event.id}/attendees")
    page.get_by_label("Find an attendee").fill("hopper")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_label("this page")).to_be_hidden()
    page.get_by_label(re.compile(r"all \d bookings that match")).check()
    page.get_by_role("button", name="Check in").click()
    page.get_by_role("button", name=re.compile(r"^Check in \d")).click()
    expect(page.get_by_text("checked in")).to_be_visible()
