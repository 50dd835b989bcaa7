"""An account from beginning to end, with a web server, a worker and a mail server; with scripts and without."""

import json
import re
from email.message import EmailMessage
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.factories import in_days, make_event
from tests.harness.mail import SmtpServer
from tests.harness.site import fresh

FIRST, SECOND = "correct horse", "difference engine"


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_somebody_comes_forgets_remembers_and_leaves(app, new_page, smtp_server, live_server, javascript):
    event = make_event(name="Nachtkonzert", time=in_days(12), capacity=20)
    page = new_page(javascript=javascript)

    register(page)
    confirm(page, link_in(mail(smtp_server, "Confirm your e-mail address")))
    book(page, event)
    ticket = mail(smtp_server, "Your ticket")
    assert "confirm that this is your address" not in ticket.get_body(("plain",)).get_content()

    page.get_by_role("button", name="Log out").click()
    reset(page, smtp_server)

    phone = new_page(javascript=javascript, width=390)
    sign_in(phone, SECOND)
    end_the_other(page)
    phone.goto("/bookings")
    expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()

    token = make_token(page)
    assert call(live_server, token)["username"] == "mira"

    data = download(page)
    assert (data["profile"]["email"], [kept["name"] for kept in data["api_tokens"]]) == ("mira@example.org", ["Laptop"])
    assert [booking["event"]["name"] for booking in data["bookings"]] == ["Nachtkonzert"]

    close(page)
    assert "mira@example.org" in mail(smtp_server, "Your account is closed")["To"]
    fresh()
    assert event.reserved_tickets == 0
    with pytest.raises(HTTPError, match="401"):
        call(live_server, token)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_a_session_that_ends_in_mid_form_keeps_what_was_typed(app, new_page, javascript):
    page = new_page(javascript=javascript)
    register(page)
    page.goto("/account")
    page.get_by_label("First name").fill("Mira")
    page.get_by_label("Address").fill("Am Kanal 1\nLeipzig")
    # Its cookie is gone, as after days; an end on the server is tested in tests/web/test_form_drafts.py.
    page.context.clear_cookies()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("what you typed is still there")).to_be_visible()
    page.get_by_label("Username or e-mail").fill("mira")
    page.get_by_label("Password").fill(FIRST)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("First name")).to_have_value("Mira")
    expect(page.get_by_label("Address")).to_have_value("Am Kanal 1\nLeipzig")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()


def mail(smtp_server: SmtpServer, subject: str) -> EmailMessage:
    """The mail with these words in its subject, as soon as it is there."""
    for count in range(1, 20):
        message = smtp_server.wait_for(count)[count - 1]
        if subject in message["Subject"]:
            return message
    raise AssertionError(subject)


def link_in(message: EmailMessage) -> str:
    text = message.get_body(("plain",)).get_content()
    return re.search(r"http\S+/(?:confirmation|password-reset)/\S+", text)[0]


def register(page: Page) -> None:
    page.goto("/register")
    page.get_by_label("E-mail").fill("mira@example.org")
    page.get_by_label("Username").fill("mira")
    page.get_by_label("Password").fill(FIRST)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("a mail to mira@example.org asks you to confirm")).to_be_visible()


def confirm(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_text("mira@example.org is confirmed.")).to_be_visible()


def book(page: Page, event: Any) -> None:
    page.goto(f"/events/{event.id}")
    page.get_by_role("button", name="Book 1 ticket").click()
    expect(page.get_by_role("heading", name="One seat is yours")).to_be_visible()


def reset(page: Page, smtp_server: SmtpServer) -> None:
    page.goto("/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Username or e-mail").fill("mira@example.org")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    link = link_in(mail(smtp_server, "A new password"))
    page.goto(link)
    page.get_by_label("New password").fill(SECOND)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your new password is set.")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()
    sign_in(page, SECOND)


def sign_in(page: Page, password: str) -> None:
    page.goto("/login")
    page.get_by_label("Username or e-mail").fill("mira")
    page.get_by_label("Password").fill(password)
    page.get_by_label("Stay signed in").check()
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def end_the_other(page: Page) -> None:
    page.get_by_role("link", name="mira").click()
    page.get_by_role("link", name="Signed in").click()
    expect(page.get_by_role("rowheader", name="Chrome on Linux")).to_have_count(2)
    page.get_by_role("button", name="Sign out the other one").click()
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()


def make_token(page: Page) -> str:
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("What is it for?").fill("Laptop")
    page.get_by_role("button", name="Create a token").click()
    expect(page.get_by_text("this is the only time that it is shown")).to_be_visible()
    return page.locator("#token").text_content() or ""


def call(site: str, token: str) -> dict[str, Any]:
    """As a program does it."""
    with urlopen(Request(f"{site}/api/user/auth/me/", headers={"Authorization": f"Token {token}"}), timeout=10) as answer:
        return json.load(answer)


def download(page: Page) -> dict[str, Any]:
    page.get_by_role("link", name="Your data").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download my data").click()
    assert started.value.suggested_filename == "evently-mira.json"
    return json.loads(started.value.path().read_text())


def close(page: Page) -> None:
    page.get_by_role("link", name="Close my account").click()
    expect(page.get_by_text("1 × Nachtkonzert")).to_be_visible()
    page.get_by_label("Your password").fill(SECOND)
    page.get_by_role("button", name="Close my account").click()
    expect(page.get_by_text("Your account is closed.")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
