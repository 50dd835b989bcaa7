"""E-mails to one address: every way to cause one has a budget."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts import password_reset, signals
from evently.accounts.account_deletion import anonymize
from evently.accounts.services import register
from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.errors import Conflict, TooManyRequests
from evently.extensions import db
from evently.notifications import mail_budgets, mail_worker, outbox
from evently.notifications.models import OVER_LIMIT, QUEUED, SUPPRESSED, Mail, MailCounter
from evently.notifications.queries import list_held_back
from evently.notifications.rendering import render_mail
from evently.notifications.retries import retry_mail
from evently.observability import metrics
from tests.abuse.mail import VICTIM, by_status, confirmed, limit, sent_to
from tests.factories import PASSWORD, auth, log_in, make_booking, make_event, make_superuser, make_user
from tests.harness.mail import SmtpServer
from tests.harness.visitor import Visitor
from tests.notifications.outbox_helpers import change_mails, deliver, let_time_pass, mails, write_mails

__all__ = ["limit"]
# The budgets hold without the limits on requests.
pytestmark = pytest.mark.usefixtures("no_limits")


def test_changing_an_address_to_and_fro_sends_a_few_mails_only(app: Flask):
    visitor = Visitor(log_in(app.test_client(), confirmed()))
    answers = []
    for number in range(24):
        fields = {"email": ("one@example.org", "two@example.org")[number % 2], "password": PASSWORD}
        answers.append(visitor.submit("/account/address", fields))
    assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 19
    assert "Too many e-mails" in answers[-1].text
    assert answers[-1].headers["Retry-After"]
    assert max(Counter((mail.kind, mail.to_address) for mail in mails()).values()) <= 5


def test_the_api_does_so_no_better(client: FlaskClient):
    user = make_user()
    headers = auth(user)
    answers = []
    for number in range(24):
        body = {"email": f"stranger{number}@example.org", "current_password": PASSWORD}
        answers.append(client.patch("/api/user/auth/me/", json=body, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 4}
    assert answers[-1].json["details"]["code"] == "email_limit"
    assert answers[-1].headers["Retry-After"]
    assert len(mails()) == 20


def test_registering_again_and_again_asks_an_address_a_few_times(app: Flask):
    for number in range(9):
        register(username=f"mallory{number}", password="correct horse battery", profile={"email": VICTIM}, reveals_taken=False)
    assert by_status() == {QUEUED: 5, SUPPRESSED: 1}
    assert {mail.last_error for mail in mails()} == {None, OVER_LIMIT}


def test_closing_accounts_makes_no_room_for_more(app: Flask):
    for number in range(9):
        user = register(username=f"mallory{number}", password="correct horse battery", profile={"email": VICTIM}, reveals_taken=False)
        anonymize([user])
    assert mails() == []
    (account,) = {counter.count for counter in db.session.scalars(sa.select(MailCounter))}
    assert account == 9
    register(username="eve", password="correct horse battery", profile={"email": VICTIM})
    assert [mail.status for mail in mails()] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("victim@example.org", "Victim+1@EXAMPLE.org"),
        ("victim+a@example.org", "victim+b@example.org"),
        ("v.i.ctim@gmail.com", "victim@gmail.com"),
    ],
)
def test_spellings_of_one_mailbox_share_its_budget(one: str, other: str):
    assert mail_budgets.canonical(one) == mail_budgets.canonical(other)


def test_asking_for_the_link_again_and_again_is_refused(app: Flask):
    visitor = Visitor(log_in(app.test_client(), make_user()))
    answers = [visitor.submit("/account", action="/account/confirmation") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 2
    assert OVER_LIMIT in answers[-1].text
    assert by_status() == {QUEUED: 5}


def test_reset_links_for_one_account_are_capped_silently(app: Flask):
    user = confirmed(email=VICTIM)
    answers = [Visitor(app.test_client()).submit("/password-reset", {"username": name}) for name in [VICTIM] * 4 + [user.username] * 4]
    assert {(answer.status_code, answer.location) for answer in answers} == {(303, "/password-reset?sent=1")}
    for _ in range(8):
        password_reset.send_reset_email(user.username)
    assert by_status() == {QUEUED: 5, SUPPRESSED: 1}


def test_of_many_at_once_as_many_fit_as_one_after_another(app: Flask):
    username = confirmed(email=VICTIM).username
    starts = threading.Barrier(12)

    def ask() -> None:
        with app.app_context():
            starts.wait(10)
            password_reset.send_reset_email(username)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert by_status() == {QUEUED: 5, SUPPRESSED: 1}


def test_reset_links_use_up_no_security_notice(app: Flask):
    user = confirmed()
    for _ in range(9):
        password_reset.send_reset_email(user.username)
    with transaction():
        signals.password_changed.send(user)
    assert [(mail.kind, mail.status) for mail in mails()][-1] == ("password_changed", QUEUED)


def test_the_owner_of_an_address_is_told_of_attempted_registrations_once_a_day(app: Flask):
    owner = confirmed(first_name="Ada", email=VICTIM)
    for _ in range(5):
        with transaction():
            signals.registration_attempted.send(owner)
    told = [mail for mail in mails() if mail.status == QUEUED]
    assert [(mail.kind, mail.to_address) for mail in told] == [("account_exists", VICTIM)]
    rendered = render_mail(told[0])
    assert rendered.subject == "You already have an Evently account"
    assert "Hello Ada," in rendered.text


def test_a_new_window_makes_room_again(app: Flask):
    user = confirmed()
    for _ in range(6):
        password_reset.send_reset_email(user.username)
    with transaction() as session:
        session.execute(sa.update(MailCounter).values(ends_at=utc_now()))
    password_reset.send_reset_email(user.username)
    assert by_status() == {QUEUED: 6, SUPPRESSED: 1}
    with transaction() as session:
        session.execute(sa.update(MailCounter).values(ends_at=utc_now()))
    assert mail_budgets.delete_old_counters() == 1
    assert db.session.scalars(sa.select(MailCounter)).all() == []


def test_no_address_is_stored_with_the_counters(app: Flask):
    confirmed(email=VICTIM)
    password_reset.send_reset_email(VICTIM)
    (key,) = db.session.scalars(sa.select(MailCounter.key)).all()
    assert "victim" not in key


# --- bookings and events, counted when they are sent -----------------------------------------------------------------


def test_bookings_send_a_few_mails_to_an_unconfirmed_address(app: Flask, smtp_server: SmtpServer, limit: Callable[..., None]):
    limit(unconfirmed="4 per hour; 9 per day")
    event = make_event(capacity=100)
    # Several accounts may have the same address while nobody confirmed it.
    for user in (make_user(email=VICTIM), make_user(email=VICTIM.title())):
        for _ in range(3):
            cancel_booking(by=user, booking_id=make_booking(user=user, event=event).id)
    change_mails(kind="booking_cancelled")
    deliver()
    assert len(smtp_server.messages) == 4
    assert by_status() == {"sent": 4, SUPPRESSED: 8}
    assert {mail.last_error for mail in mails() if mail.status == SUPPRESSED} == {OVER_LIMIT}


def test_a_confirmed_address_gets_more(app: Flask, smtp_server: SmtpServer, limit: Callable[..., None]):
    limit(unconfirmed="1 per hour", recipient="3 per hour")
    user, event = confirmed(), make_event(capacity=100)
    for _ in range(5):
        make_booking(user=user, event=event)
    deliver()
    assert (len(smtp_server.messages), by_status()) == (3, {"sent": 3, SUPPRESSED: 2})


def test_every_connection_counts(app: Flask, smtp_server: SmtpServer, limit: Callable[..., None], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "EMAIL_CONNECTIONS", 4)
    limit(unconfirmed="10 per hour")
    make_booking()
    write_mails(120, to=VICTIM)
    # Behind what is held back, others wait.
    others = [f"reader{number}@example.org" for number in range(60)]
    row = {"kind": "event_message", "event_id": mails()[0].event_id, "context": {"subject": "News", "body": "News"}}
    with transaction() as session:
        session.execute(sa.insert(Mail), [{**row, "delivery_key": f"other:{to}", "to_address": to} for to in others])
    deliver()
    assert sent_to(smtp_server) == {VICTIM: 10, **dict.fromkeys(others, 1)}


def test_tries_of_one_mail_are_counted_once(app: Flask, smtp_server: SmtpServer, limit: Callable[..., None]):
    limit(unconfirmed="1 per hour")
    make_booking(user=make_user(email=VICTIM))
    smtp_server.refuse = "451 Later"
    for _ in range(4):
        deliver()
        let_time_pass()
    smtp_server.refuse = None
    assert deliver() == 1
    assert sent_to(smtp_server) == {VICTIM: 1}


def test_what_could_not_be_tried_is_counted_no_second_time(app: Flask, limit: Callable[..., None]):
    limit(unconfirmed="1 per hour")
    make_booking(user=make_user(email=VICTIM))
    for _ in range(3):
        claimed = outbox.claim(limit=50, lease=mail_worker.dt.timedelta(minutes=5))
        assert len(claimed) == 1
        outbox.release(claimed)


def test_where_mail_is_caught_the_budgets_hold_too(app: Flask, limit: Callable[..., None]):
    limit(unconfirmed="1 per hour")
    user, event = make_user(email=VICTIM), make_event()
    for _ in range(3):
        make_booking(user=user, event=event)
    deliver()
    assert by_status() == {"sent": 1, SUPPRESSED: 2}


def test_what_is_held_back_is_seen(app: Flask, limit: Callable[..., None]):
    limit(unconfirmed="1 per hour")
    user, event = make_user(email=VICTIM), make_event()
    bookings = [make_booking(user=user, event=event) for _ in range(2)]
    before = metrics.REGISTRY.get_sample_value("evently_email_budget_exceeded_total", {"budget": "unconfirmed"}) or 0
    deliver()
    after = metrics.REGISTRY.get_sample_value("evently_email_budget_exceeded_total", {"budget": "unconfirmed"})
    assert after == before + 1
    # By its recipient, by the organizer, and by superusers.
    assert OVER_LIMIT in log_in(app.test_client(), user).get(f"/bookings/{bookings[1].id}").text
    attendee = f"/dashboard/events/{event.id}/attendees/{bookings[1].id}"
    assert OVER_LIMIT in log_in(app.test_client(), event.organizer).get(attendee).text
    admin = make_superuser()
    assert [mail.to_address for mail in list_held_back(by=admin).items] == [VICTIM]
    page = log_in(app.test_client(), admin).get("/dashboard/admin/mail?show=held-back").text
    assert "1 e-mail held back in the last 24 hours" in page
    assert VICTIM in page
    assert OVER_LIMIT in page


def test_trying_again_is_bounded_too(app: Flask):
    admin, user = make_superuser(), confirmed()
    password_reset.send_reset_email(user.username)
    for _ in range(5):
        change_mails(status="failed", last_error="550 No")
        (mail,) = mails()
        try:
            retry_mail(by=admin, mail_id=mail.id)
        except TooManyRequests:
            break
        with pytest.raises(Conflict):
            retry_mail(by=admin, mail_id=mail.id)
    else:
        pytest.fail("it was tried six times in an hour")
