"""Changing, copying and importing events in a real browser, with and without scripts."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from evently.accounts.models import User
from evently.events.models import Event
from tests.factories import in_days, make_booking, make_event
from tests.harness.browser import NewPage
from tests.harness.mail import SmtpServer
from tests.web.test_accessibility import log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
ROWS = [
    {"id": "1", "name": "Seerunde", "venue": "Seepark", "start": "2034-06-01T10:00"},
    {"id": "2", "name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "venue": "Wien"},
]


@pytest.fixture
def event(mira: User) -> Event:
    event = make_event(by=mira, name="Organ night", venue="Old hall", time=in_days(3))
    make_booking(event=event, tickets=2)
    return event


def bring_in(page: Page, folder: Path) -> None:
    file = folder / "events.json"
    file.write_text(json.dumps(ROWS))
    page.goto("/dashboard/events")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="What would come of it")).to_be_visible()


def test_every_page_is_accessible_and_fits_a_phone(new_page: NewPage, mira: User, event: Event, tmp_path: Path):
    draft = make_event(by=mira, status="draft")
    page = new_page()
    log_in(page, mira)
    bring_in(page, tmp_path)
    addresses = [
        "/dashboard/events/import",
        f"/dashboard/events/{event.id}/edit",
        f"/dashboard/events/{draft.id}/preview",
        f"/dashboard/events/{event.id}/copy",
    ]
    look_at(page, [page.url, *addresses, f"/dashboard/events/{event.id}/impact?venue=Elsewhere"])


@pytest.mark.parametrize("javascript", [True, False])
def test_people_are_told_of_another_place_once_somebody_has_seen_how_many(
    new_page: NewPage, mira: User, event: Event, smtp_server: SmtpServer, javascript: bool
):
    page = new_page(javascript=javascript, width=390)
    log_in(page, mira)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type in {"warning", "error"} else None)
    page.goto(f"/dashboard/events/{event.id}/edit")
    # Where one is, on a telephone too.
    expect(page.locator("nav.tabs [aria-current]")).to_be_in_viewport(ratio=1)
    page.get_by_label("Venue").fill("New hall")
    page.get_by_label("Venue").blur()
    if javascript:
        expect(page.locator("#change-impact")).to_contain_text("1 person with 2 tickets")
        expect(page.locator("#announcer")).to_have_text("1 person will be told by mail")
        expect(page.get_by_role("button", name="Save and tell 1 person")).to_be_visible()
        # While it is typed, before one leaves the field.
        page.get_by_label("Seats", exact=True).fill("1")
        expect(page.locator("#change-impact")).to_contain_text("This cannot be saved")
        expect(page.get_by_role("button", name="Save changes")).to_be_visible()
        page.get_by_label("Seats", exact=True).fill(str(event.capacity))
        expect(page.locator("#change-impact")).not_to_contain_text("This cannot be saved")
    else:
        page.get_by_role("button", name="Save changes").click()
        expect(page.get_by_role("heading", name="Not saved yet")).to_be_visible()
        expect(page.locator("#change-impact")).to_contain_text("1 person with 2 tickets")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    expect(page.get_by_text("New hall").first).to_be_visible()
    subjects = [mail["Subject"] for mail in smtp_server.wait_for(2)]
    assert sum("Organ night" in subject for subject in subjects) == 2
    assert warnings == []


def test_a_first_event_starts_in_the_zone_of_the_browser(new_page: NewPage, mira: User):
    page = new_page()
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "America/Lima"})
    log_in(page, mira)
    for address in ("/dashboard/events/new", "/dashboard/events/import"):
        page.goto(address)
        expect(page.get_by_label("Time zone")).to_have_value("America/Lima")
    # What was chosen stays: in a form that comes back, and of an event that is there.
    page.goto("/dashboard/events/new")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    event = make_event(by=mira, timezone="Europe/Oslo")
    for address in ("/dashboard/events/new", f"/dashboard/events/{event.id}/edit"):
        page.goto(address)
        expect(page.get_by_label("Time zone")).to_have_value("Europe/Oslo")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_file_is_imported_while_one_looks_on(new_page: NewPage, mira: User, tmp_path: Path, javascript: bool):
    page = new_page(javascript=javascript, width=390)
    log_in(page, mira)
    bring_in(page, tmp_path)
    page.get_by_role("link", name="Refused").click()
    expect(page.locator("#upload-report tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Import 1 event").click()
    expect(page.get_by_role("heading", name="What came of it")).to_be_visible()
    page.get_by_role("link", name="Seerunde").click()
    expect(page.get_by_role("heading", name="Seerunde", level=1)).to_be_visible()
