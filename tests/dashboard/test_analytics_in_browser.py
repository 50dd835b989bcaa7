"""Analytics in a real browser: as assistive technology finds it, on a phone, with and without scripts."""

import datetime as dt

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.reporting.rollup_verification import rebuild
from tests.factories import make_booking, make_event, make_user
from tests.harness.browser import NewPage
from tests.web.test_accessibility import log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def event(mira: User) -> Event:
    event = make_event(by=mira, name="Organ night with a name that is long enough to need a second line")
    buyer = make_user()
    for days_ago in (1, 3, 3, 50):
        booking = make_booking(event=event, user=buyer)
        with transaction() as session:
            moment = utc_now() - dt.timedelta(days=days_ago)
            session.execute(sa.update(Booking).where(Booking.id == booking.id).values(booking_date=moment))
    rebuild()
    return event


def test_pages_are_accessible_and_days_are_chosen(new_page: NewPage, mira: User, event: Event):
    page = new_page()
    log_in(page, mira)
    look_at(page, ["/dashboard/analytics", f"/dashboard/events/{event.id}/analytics?days=90"])
    page.goto("/dashboard/analytics")
    first = (utc_now() - dt.timedelta(days=60)).date().isoformat()
    page.get_by_label("From").fill(first)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"/dashboard/analytics?from={first}&to={utc_now().date()}")
    expect(page.get_by_role("img", name="Bookings per week")).to_be_visible()


def test_without_scripts_on_a_phone(new_page: NewPage, mira: User, event: Event):
    page = new_page(javascript=False, width=360)
    log_in(page, mira)
    page.goto(f"/dashboard/events/{event.id}/analytics")
    page.get_by_role("link", name="All time").click()
    expect(page.get_by_text("The best week").first).to_be_visible()
    page.locator("summary", has_text="Bookings per week").click()
    expect(page.get_by_role("table", name="Bookings per week")).to_be_visible()
    page.goto("/dashboard/analytics?days=7")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
