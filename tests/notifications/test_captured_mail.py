import re

import pytest

from tests.factories import PASSWORD, log_in, make_booking, make_event, make_staff, make_superuser, make_user
from tests.notifications.outbox_helpers import change_mails, deliver, only_mail, statements, write_mails

PAGES = ("/dev/mailbox", "/dev/mailbox/{0}", "/dev/mailbox/{0}/body")


@pytest.fixture
def pages(concert, mira):
    """The three addresses, with a mail there."""
    make_booking(user=mira, event=concert, tickets=2)
    return [page.format(only_mail().id) for page in PAGES]


@pytest.fixture
def embedded(app, monkeypatch):
    monkeypatch.setitem(app.config, "EMBEDDED", True)


@pytest.fixture
def in_production(app, monkeypatch):
    monkeypatch.setitem(app.config, "EMBEDDED", False)


@pytest.fixture
def sends_mail(app, monkeypatch):
    monkeypatch.setitem(app.config, "EMAIL_HOST", "smtp.example.org")


def statuses(client, pages):
    return [client.get(page).status_code for page in pages]


def test_a_developer_reads_everything_without_an_account(client, embedded, pages):
    assert statuses(client, pages) == [200, 200, 200]


def test_in_production_it_is_for_staff(client, in_production, pages):
    assert statuses(client, pages) == [303, 303, 303]
    assert statuses(log_in(client, make_user()), pages) == [403, 403, 403]
    assert statuses(log_in(client, make_user(is_organizer=True)), pages) == [403, 403, 403]
    assert statuses(log_in(client, make_staff()), pages) == [200, 200, 200]
    assert statuses(log_in(client, make_superuser()), pages) == [200, 200, 200]


def test_where_mail_is_sent_nobody_else_learns_of_it(client, in_production, sends_mail, pages):
    assert statuses(client, pages) == [404, 404, 404]
    assert statuses(log_in(client, make_user()), pages) == [404, 404, 404]
    assert statuses(log_in(client, make_staff()), pages) == [200, 200, 200]


def test_suspended_staff_reads_nothing(client, in_production, pages):
    assert statuses(log_in(client, make_staff(is_active=False)), pages) == [303, 303, 303]


@pytest.mark.parametrize("number", ["0", "999999", str(2**63 - 1), str(2**63), "9" * 30, "x", "-1"])
def test_a_mail_that_does_not_exist(client, embedded, number):
    assert statuses(client, [f"/dev/mailbox/{number}", f"/dev/mailbox/{number}/body"]) == [404, 404]


def test_the_list_shows_the_newest_first(client, embedded, concert, mira):
    make_booking(user=mira, event=concert, tickets=2)
    make_booking(user=mira, event=make_event(name="Jazz"), tickets=1)
    page = client.get("/dev/mailbox").text
    assert re.findall(r">(Your [^<]+)</a>", page) == ["Your ticket for Jazz", "Your 2 tickets for Nachtkonzert — im Gasometer"]
    assert page.count("mira@talberg.example") == 2
    assert "nothing leaves this machine" in page


def test_the_list_has_pages(client, embedded, concert):
    make_booking(event=concert)
    write_mails(45)
    assert "reader44@" in client.get("/dev/mailbox").text
    last = client.get("/dev/mailbox?page=3").text
    assert "reader4@" in last
    assert "reader5@" not in last
    assert "There is no page 9" in client.get("/dev/mailbox?page=9").text


def test_an_empty_mailbox_says_what_to_do(client, embedded):
    assert "Book a ticket, and the confirmation appears here." in client.get("/dev/mailbox").text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "queued"}, "Queued"),
        ({"attempts": 1}, "Waits for another try"),
        ({"status": "sending"}, "Being sent"),
        ({"status": "sent"}, "Sent"),
        ({"status": "sent", "provider_id": "mailbox"}, "Caught here"),
        ({"status": "failed", "last_error": "550 No such user"}, "Not delivered"),
        ({"status": "suppressed"}, "Not sent"),
    ],
)
def test_states_are_words(client, embedded, pages, values, words):
    change_mails(**values)
    for page in pages[:2]:
        assert words in client.get(page).text
    assert values.get("last_error", "") in client.get(pages[1]).text


def test_one_mail_shows_headers_text_and_looks(client, embedded, pages):
    deliver()
    page = client.get(pages[1]).text
    assert "Evently &lt;tickets@evently.example&gt;" in page
    assert "mira@talberg.example" in page
    assert "Your 2 tickets for Nachtkonzert — im Gasometer" in page
    assert "Two seats are yours" in page
    assert f'src="{pages[2]}"' in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


def test_the_document_of_a_mail_has_no_rights(client, embedded, pages):
    response = client.get(pages[2])
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    # Only this document may: the page around it has the site's own policy.
    assert "unsafe-inline" not in client.get(pages[1]).headers["Content-Security-Policy"]


def test_the_list_costs_the_same_however_long(app, client, embedded, concert):
    make_booking(event=concert)
    counts = []
    for size in (2, 20):
        write_mails(size)
        with statements() as found:
            client.get("/dev/mailbox")
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_in_a_browser_a_mail_looks_like_one(new_page, live_server, app, concert, mira):
    make_booking(user=mira, event=concert, tickets=2)
    page = new_page(width=390)
    if not app.config["EMBEDDED"]:
        page.goto("/login?next=/dev/mailbox")
        page.get_by_label("Username").fill(make_staff().username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    page.goto("/dev/mailbox")
    page.get_by_role("link", name="Your 2 tickets for Nachtkonzert").click()
    frame = page.frame_locator("iframe")
    title = frame.get_by_role("heading", name="Two seats are yours")
    title.wait_for()
    assert title.evaluate("element => getComputedStyle(element).fontSize") == "40px"
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Evently box office").click()
    opened.value.wait_for_load_state()
    assert opened.value.title()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
