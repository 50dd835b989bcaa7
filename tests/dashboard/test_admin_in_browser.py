"""Admin and messages in a real browser: as assistive technology finds them, on a phone, with and without scripts."""

import pytest
from flask import Flask
from playwright.sync_api import expect

from evently.accounts.models import User
from evently.accounts.roles import change_role
from evently.bookings.queries import list_event_bookings
from evently.database import transaction
from evently.events.models import Event
from evently.events.services import update_event
from evently.notifications.messages import send_message
from evently.notifications.models import FAILED, Mail
from tests.factories import api_token, make_booking, make_event, make_organizer, make_superuser, make_user
from tests.harness.browser import NewPage
from tests.harness.mail import SmtpServer
from tests.web.test_accessibility import findings, log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
LONG = "Wolfgang-Maximilian Oberndorfer-Hummelbrunnerschattenbruck"


@pytest.fixture
def robin(app: Flask) -> User:
    return make_superuser(first_name="Robin", last_name="Castellan")


@pytest.fixture
def event(app: Flask) -> Event:
    event = make_event(by=make_organizer(first_name="Mira"), name="Organ night")
    make_booking(event=event, user=make_user(first_name="Ada", last_name="Quillfeather"))
    make_booking(event=event, user=make_user(first_name=LONG))
    return event


def test_every_page_is_accessible_and_fits_a_phone(new_page: NewPage, robin: User, event: Event):
    user = make_user(first_name=LONG, email=f"{'x' * 60}@example.org")
    api_token(user)
    change_role(by=robin, user_id=user.id, role="organizer", is_held=True)
    update_event(by=robin, event_id=event.id, fields={"description": "Run " * 200})
    message = send_message(by=robin, event_id=event.id, audience="everyone", body="Doors at seven.")
    refused = {
        "delivery_key": "one",
        "kind": "booking_confirmed",
        "to_address": user.email,
        "last_error": f"550 {'x' * 90}",
        "attempts": 30,
    }
    with transaction() as session:
        session.add(Mail(status=FAILED, user_id=user.id, message_id=message.id, event_id=event.id, **refused))
    page = new_page()
    log_in(page, robin)
    admin = ["users", f"users/{user.id}", "users/new", "users/removal?prefix=user", "mail", "workers", f"audit?subject=user&id={user.id}"]
    addresses = [f"admin/{address}" for address in admin]
    addresses += [f"events/{event.id}/messages", f"events/{event.id}/messages/{message.id}"]
    look_at(page, [f"/dashboard/{address}" for address in addresses])


def test_a_message_is_written_looked_at_tried_and_sent(new_page: NewPage, event: Event, smtp_server: SmtpServer):
    readers = {booking.user.email for booking in list_event_bookings(by=event.organizer, event_id=event.id).items}
    page = new_page(width=390)
    log_in(page, event.organizer)
    page.goto(f"/dashboard/events/{event.id}/messages")
    expect(page.locator("#message-audience")).to_contain_text("2 people")
    page.get_by_label("People who came in").check(force=True)
    expect(page.locator("#message-audience")).to_contain_text("0 people")
    expect(page.locator("#announcer")).to_have_text("0 people")
    page.get_by_label("People with tickets", exact=True).check(force=True)
    page.get_by_role("button", name="See how it looks").click()
    expect(page.locator("#error-summary")).to_be_focused()
    page.get_by_label("Message", exact=True).fill("Bring a coat.\n\nThe hall is cold.")
    page.get_by_role("button", name="See how it looks").click()
    expect(page.locator("#message-preview pre")).to_contain_text("Bring a coat.\n\nThe hall is cold.")
    expect(page.locator(".button--main")).to_have_count(1)
    assert findings(page) == []
    # By the keyboard: a click right after a scroll may go to where the frame was.
    page.get_by_role("button", name="Send a test").press("Enter")
    expect(page.locator(".flash")).to_have_text(f"A test is on its way to {event.organizer.email}.")
    page.get_by_role("button", name="Send to 2 people").press("Enter")
    expect(page.get_by_role("heading", name="About Organ night")).to_be_visible()
    # It looks again by itself until every mail has left.
    expect(page.locator("#message-deliveries .badge", has_text="Sent")).to_have_count(2)
    # With those about the bookings.
    sent = [(mail["Subject"], mail["To"].addresses[0].addr_spec) for mail in smtp_server.wait_for(5)]
    assert [to for subject, to in sent if subject == "Test: About Organ night"] == [event.organizer.email]
    assert {to for subject, to in sent if subject == "About Organ night"} == readers


def test_somebody_is_found_promoted_and_suspended_without_a_script(new_page: NewPage, robin: User, event: Event):
    page = new_page(javascript=False)
    log_in(page, robin)
    page.goto("/dashboard/")
    page.get_by_role("link", name="Admin").click()
    page.get_by_label("Find somebody").fill("quill")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#people-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Ada Quillfeather").click()
    page.get_by_role("button", name="Make staff").click()
    expect(page.locator(".flash")).to_have_text("Ada Quillfeather is now staff.")
    page.get_by_text("Suspend this account…").click()
    page.get_by_role("button", name="Suspend").click()
    expect(page.locator(".flash")).to_have_text("Ada Quillfeather is suspended and signed out everywhere.")
    page.get_by_role("link", name="All that was changed here").click()
    expect(page.locator("#audit-table tbody tr")).to_have_count(2)
    expect(page.locator("#audit-table")).to_contain_text("staff: no → yes")
