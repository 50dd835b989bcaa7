"""An organizer without scripts: creates an event, somebody books it, and it has to be called off."""

from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, in_days, make_organizer, make_user


def test_an_organizer_creates_an_event_sells_it_and_calls_it_off(app, new_page, smtp_server):
    make_organizer(username="olga")
    make_user(username="adam", email="adam@example.org")

    organizer = new_page(javascript=False)
    log_in(organizer, "olga")
    create_event(organizer)

    attendee = new_page(javascript=False)
    log_in(attendee, "adam")
    attendee.get_by_role("link", name="Salon der Stimmen").first.click()
    attendee.get_by_role("button", name="Book 1 ticket").click()
    expect(attendee.get_by_role("heading", name="One seat is yours")).to_be_visible()
    smtp_server.wait_for(1)

    organizer.reload()
    expect(organizer.get_by_role("rowheader", name="adam")).to_be_visible()
    organizer.get_by_role("link", name="Cancel this event").click()
    organizer.get_by_role("button", name="Cancel the event").click()

    told = smtp_server.wait_for(2)[1]
    assert "adam@example.org" in told["To"]
    assert "Salon der Stimmen" in told["Subject"]
    attendee.reload()
    expect(attendee.get_by_role("heading", name="The event was called off")).to_be_visible()


def log_in(page: Page, username: str) -> None:
    page.goto("/login")
    page.get_by_label("Username or e-mail").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name=username)).to_be_visible()


def create_event(page: Page) -> None:
    page.get_by_role("link", name="Organize").click()
    page.get_by_role("link", name="New event").first.click()
    page.get_by_label("Name").fill("Salon der Stimmen")
    page.get_by_label("Venue").fill("Ballhaus, Berlin")
    page.get_by_label("Starts").fill(in_days(20).strftime("%Y-%m-%dT19:30"))
    page.get_by_label("Seats").fill("12")
    page.get_by_label("Price").fill("15")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name="Salon der Stimmen")).to_be_visible()
