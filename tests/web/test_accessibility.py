"""What axe finds, and whether anything sticks out sideways: on every page of attendees, in both themes."""

import os
import re
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from config import ROOT
from evently.accounts.models import User
from evently.bookings.contact_sharing import share_contact
from evently.bookings.models import CheckIn
from evently.bookings.services import cancel_booking
from evently.bookings.tickets import tickets_of
from evently.database import transaction
from tests.factories import PASSWORD, in_days, make_booking, make_event, make_manual_booking, make_user, reload
from tests.harness.browser import NewPage

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}}
PICTURES = ROOT / "artifacts" / "screenshots"
LONG_NAME = "Donaudampfschifffahrts-Weihnachtsbrunch an Bord der „Morgenröte“"


def findings(page: Page) -> list[Any]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    results = page.evaluate("options => axe.run(document, options)", RULES)["violations"]
    return [(page.url, rule["id"], [node["html"] for node in rule["nodes"]]) for rule in results]


# Elements whose box or text reaches beyond the right edge of a page that scrolls sideways; none for one that does not.
STICKS_OUT = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const right = node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().right;
  };
  return [...document.querySelectorAll("body *")]
    .filter(element => Math.max(element.getBoundingClientRect().right, right(element)) > innerWidth)
    .map(element => `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 40)}`)
    .concat(`${document.documentElement.scrollWidth} px`);
}"""


def sticks_out(page: Page) -> list[str]:
    return page.evaluate(STICKS_OUT)


def look_at(page: Page, addresses: list[str]) -> None:
    """Nothing to find in both themes, nothing that sticks out at any width; and a picture of each, for people to look at."""
    found = []
    for number, address in enumerate(addresses):
        page.goto(address)
        for theme, width in (("light", 1440), ("light", 768), ("dark", 360)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            take_picture(page, f"{number:02}{address}", width)
            if width != 768:
                found += findings(page)
            if elements := sticks_out(page):
                found.append((address, f"sticks out sideways at {width} px", elements))
    assert found == []


def take_picture(page: Page, name: str, width: int) -> None:
    test = "-".join(re.findall(r"test_(\w+)", os.environ["PYTEST_CURRENT_TEST"]))
    # What differs from run to run would only leave the pictures of the last run behind.
    subject = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[\w.-]{24,}", "id", name.lower())).strip("-")[:60]
    page.screenshot(path=PICTURES / f"{test}-{subject}-{width}.jpg", type="jpeg", quality=60, full_page=True, animations="disabled")


def log_in(page: Page, user: User) -> None:
    page.goto("/login")
    page.get_by_label("Username or e-mail").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("/")


def test_pages_for_everybody(new_page: NewPage):
    events = [
        make_event(description="# Programme\n\n- one\n\n| a | b |\n|---|---|\n| 1 | 2 |", website="https://example.org", capacity=20),
        make_event(name=LONG_NAME, status="cancelled"),
        make_event(time=in_days(-1)),
        make_event(sales_start=in_days(2), ends_at=in_days(33)),
        make_event(sales_end=in_days(-2)),
    ]
    sold_out = make_event(capacity=1)
    make_booking(event=sold_out)
    make_booking(event=events[0], tickets=9)
    make_booking(event=events[0], tickets=9)
    searches = ["/", "/?when=range&from=2026-01-01&category=other&price=50&available=1", "/?q=nothing&when=weekend", "/?page=7"]
    searches += [f"/?view=calendar&month={event.time:%Y-%m}" for event in events[:3]] + ["/?view=calendar&month=2031-02&q=nothing"]
    ways_in = ["/login", "/register", "/nowhere", "/api/docs/"]
    page = new_page()
    look_at(page, searches + ways_in + [f"/events/{event.id}" for event in (*events, sold_out)])
    page.goto("/register")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#error-summary")).to_be_focused()
    assert findings(page) == []


def test_pages_for_members(new_page: NewPage):
    user = make_user(first_name="Mira")
    confirmed = make_booking(user=user, tickets=2)
    cancelled = make_booking(user=user, event=make_event(name=LONG_NAME))
    cancel_booking(by=user, booking_id=cancelled.id)
    page = new_page()
    log_in(page, user)
    used = make_booking(user=user)
    with transaction() as session:
        session.add(CheckIn(booking_seq=used.seq, event_id=used.event_id, seat=1))
    shared, added = (make_manual_booking(user=user) for _ in range(2))
    share_contact(user=user, booking_id=shared.id)
    bookings = [f"/bookings/{booking.id}" for booking in (confirmed, cancelled, shared, added)]
    tickets = [f"/tickets/{tickets_of(reload(booking))[0].name}" for booking in (confirmed, cancelled, used)]
    tabs = ["/bookings", "/bookings?tab=past", "/bookings?tab=cancelled"]
    look_at(
        page,
        [*tickets, f"{bookings[0]}/tickets", *tabs, *bookings, f"{bookings[0]}/cancellation", f"/events/{confirmed.event_id}", "/account"],
    )


def test_the_keyboard_comes_by_everything_in_order(new_page: NewPage):
    event = make_event(name="Nachtkonzert")
    page = new_page()
    page.goto(f"/events/{event.id}")
    names = []
    for _ in range(16):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", names
    assert names[:5] == ["Skip to content", "Evently", "Events", "My bookings", "Sign in"]
    assert names.index("tickets") < names.index("Sign in and book 1 ticket") < names.index("New here? Create an account")
    page.goto("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
