"""What axe finds on the pages of an account, in both themes, and what happens on them without a full page."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from evently.accounts import password_reset
from evently.accounts.email_changes import request_email_change
from evently.accounts.sessions import create
from evently.accounts.signed_links import CONFIRM_ADDRESS, CONFIRM_EMAIL_CHANGE, UNDO_EMAIL_CHANGE
from evently.database import utc_now
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import EVENT_MESSAGE, Mail
from evently.notifications.rendering import render_mail
from tests.factories import api_token, make_booking, make_event, make_organizer, make_user
from tests.harness.browser import NewPage
from tests.web.test_accessibility import findings, log_in, look_at

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
PAGES = [f"/account{page}" for page in ("", "/address", "/password", "/sessions", "/tokens", "/data", "/closing")]


def test_pages_of_an_account(new_page: NewPage):
    user = make_user(first_name="Mira", email="a.very.long.name.indeed@mail.talberg-und-toechter.example")
    page = new_page()
    log_in(page, user)
    look_at(page, PAGES)
    make_booking(user=user, event=make_event(name="Donaudampfschifffahrts-Weihnachtsbrunch an Bord der „Morgenröte“"), tickets=2)
    api_token(user)
    create("elsewhere", user_id=user.id, data={}, device="Firefox on Windows", is_remembered=True)
    look_at(page, ["/account/sessions", "/account/tokens", "/account/closing"])
    organizer = make_organizer(email="mira@talberg.example", email_confirmed_at=utc_now())
    request_email_change(user=organizer, email="a.very.long.name.indeed@mail.talberg-und-toechter.example", reveals_taken=False)
    make_event(by=organizer)
    page.context.clear_cookies()
    log_in(page, organizer)
    look_at(page, ["/account", "/account/address", "/account/closing"])


def test_ways_to_another_password(new_page: NewPage):
    user = make_user()
    password_reset.send_reset_email(user.username)
    mail = db.session.query(Mail).one()
    link = re.search(r"/password-reset/\S+", render_mail(mail).text)[0]
    look_at(new_page(), ["/password-reset", "/password-reset?sent=1", link, "/password-reset/1.2.3", "/account/confirmation/1.2.3"])


def test_pages_that_mails_lead_to(new_page: NewPage):
    booking = make_booking()
    send_message(by=booking.event.organizer, event_id=booking.event_id, audience="confirmed", body="Doors at seven.")
    mail = db.session.scalars(sa.select(Mail).where(Mail.kind == EVENT_MESSAGE)).one()
    link = re.search(r"/unsubscribe/\S+", render_mail(mail).text)[0]
    token = CONFIRM_ADDRESS.token(user_id=booking.user_id, address=booking.user.email, written_at=utc_now(), state="")
    change = request_email_change(user=booking.user, email="new@example.org", reveals_taken=False)
    confirmation = CONFIRM_EMAIL_CHANGE.token(change_id=change.id, written_at=utc_now())
    undo = UNDO_EMAIL_CHANGE.token(change_id=change.id, written_at=utc_now())
    changes = [f"/account/address/confirmation/{confirmation}", f"/account/address/undo/{undo}"]
    page = new_page()
    look_at(page, [link, f"/account/confirmation/{token}", *changes, "/dev/mailbox", f"/dev/mailbox/{mail.id}"])
    log_in(page, booking.user)
    look_at(page, [f"/account/confirmation/{token}", changes[0]])


def go_wrong(page: Page, address: str, button: str) -> None:
    page.goto(address)
    page.get_by_role("button", name=button).click()
    expect(page.locator("#error-summary")).to_be_focused()
    assert findings(page) == []


def test_what_is_wrong_takes_the_focus(new_page: NewPage):
    page = new_page()
    go_wrong(page, "/password-reset", "Send me the link")
    log_in(page, make_user())
    go_wrong(page, "/account/address", "Change address")
    go_wrong(page, "/account/password", "Set the new password")
    go_wrong(page, "/account/tokens", "Create a token")
    go_wrong(page, "/account/closing", "Close my account")


def test_tokens_and_browsers_change_in_place(new_page: NewPage):
    user = make_user()
    page = new_page(width=390)
    log_in(page, user)
    page.goto("/account/tokens")
    page.get_by_label("What is it for?").fill("Box office display")
    page.get_by_role("button", name="Create a token").click()
    news = page.locator(".notice--good")
    expect(news).to_be_focused()
    expect(page.get_by_role("rowheader", name="Box office display")).to_be_visible()
    assert findings(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.reload()
    expect(news).to_have_count(0)
    page.get_by_role("button", name="Revoke Box office display").click()
    expect(page.get_by_role("heading", name="No tokens")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text("The token is revoked.")

    create("elsewhere", user_id=user.id, data={}, device="Firefox on Windows", is_remembered=True)
    page.goto("/account/sessions")
    page.get_by_role("button", name="Sign out the other one").click()
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text("Every other browser is signed out.")
