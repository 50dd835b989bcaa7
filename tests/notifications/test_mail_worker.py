"""Mails as they arrive: what is in them, in which order they go, and what nobody can write into them."""

import datetime as dt
from email import message_from_bytes
from email.utils import parsedate_to_datetime

import pytest
import sqlalchemy as sa

from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.extensions import db
from evently.launch.embedded import EmbeddedWorker
from evently.notifications import mime, outbox
from evently.notifications.models import Mail
from tests.factories import decide, make_booking, make_event, make_user
from tests.harness.live import working
from tests.notifications.outbox_helpers import change_mails, deliver, mails, only_mail, write_mails


def part(message, kind):
    return message.get_body((kind,)).get_content()


def test_a_mail_arrives_as_text_and_html(open_office, booking):
    assert deliver() == 1
    (message,) = open_office.messages
    assert message["Subject"] == "Your 2 tickets for Nachtkonzert — im Gasometer"
    assert message["To"] == "Mira Tälberg <mira@talberg.example>"
    assert message["From"] == "Evently <tickets@evently.example>"
    assert message["Message-ID"].endswith("@evently.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(message["Date"]) - utc_now()) < dt.timedelta(minutes=1)
    assert message["Reply-To"].addresses[0].addr_spec == booking.event.organizer.email
    assert [each.get_content_type() for each in message.walk()][1:] == ["multipart/alternative", "text/plain", "text/html", "text/calendar"]
    for kind in ("plain", "html"):
        assert "Verein für ungewöhnliche Räume e. V." in part(message, kind)
        assert f"/bookings/{booking.id}" in part(message, kind)


def test_what_was_taken_is_written_down(open_office, booking):
    deliver()
    mail = only_mail()
    assert (mail.status, mail.attempts, mail.lease_until, mail.last_error) == ("sent", 1, None, None)
    assert mail.provider_id == "250 OK"
    assert utc_now() - mail.sent_at < dt.timedelta(minutes=1)
    assert deliver() == 0
    assert len(open_office.messages) == 1


def test_every_kind_arrives(open_office, concert, mira):
    booked, late = make_booking(user=mira, event=concert, tickets=3), make_user()
    deliver()
    cancel_booking(by=mira, booking_id=booked.id)
    both = [make_booking(user=user, event=concert, tickets=2, decided=False) for user in (mira, late)]
    decide(concert)
    deliver()
    from evently.events.services import cancel_event  # noqa: PLC0415

    cancel_event(by=concert.organizer, event_id=concert.id)
    deliver()
    assert [booking.status for booking in both] == ["cancelled", "failed"]
    assert sorted(message["Subject"].split(" Nachtkonzert")[0] for message in open_office.messages) == [
        "Cancelled:",
        "Cancelled: your 3 tickets for",
        "No tickets for",
        "Your 2 tickets for",
        "Your 3 tickets for",
    ]


def test_without_a_mail_server_mails_are_caught(app, booking):
    assert deliver() == 1
    mail = only_mail()
    assert (mail.status, mail.provider_id) == ("sent", "mailbox")
    assert mail.sent_at is not None


def test_many_go_over_one_connection(app, open_office, booking, monkeypatch):
    monkeypatch.setitem(app.config, "EMAIL_CONNECTIONS", 1)
    write_mails(200)
    assert deliver() == 200
    assert len(open_office.lines) == 1
    open_office.messages.clear()
    monkeypatch.setitem(app.config, "EMAIL_CONNECTIONS", 3)
    write_mails(200)
    assert deliver() == 200
    assert 1 < len(open_office.lines) <= 1 + 3
    assert sorted(open_office.recipients) == sorted(f"reader{number}@example.org" for number in range(200))
    assert {mail.status for mail in mails()} == {"sent"}


def test_the_one_that_waited_longest_goes_first(open_office, booking):
    write_mails(3)
    with transaction() as session:
        past = utc_now() - dt.timedelta(hours=1)
        session.execute(sa.update(Mail).where(Mail.to_address == "reader2@example.org").values(not_before=past))
    deliver()
    assert open_office.recipients == ["reader2@example.org", "reader0@example.org", "reader1@example.org"]


def test_your_seats_never_arrives_after_cancelled(open_office, booking):
    cancel_booking(by=booking.user, booking_id=booking.id)
    assert deliver() == 1
    confirmation, cancellation = mails()
    assert (confirmation.status, cancellation.status) == ("suppressed", "sent")
    assert open_office.messages[0]["Subject"].startswith("Cancelled:")


def test_one_mail_that_cannot_be_written_holds_up_nobody(open_office, booking, caplog):
    write_mails(3)
    with transaction() as session:
        session.execute(sa.update(Mail).where(Mail.to_address == "reader0@example.org").values(kind="unheard_of"))
    assert deliver() == 2
    mail = mails()[0]
    assert (mail.status, mail.attempts) == ("queued", 1)
    assert "emails/unheard_of.txt" in mail.last_error


@pytest.mark.parametrize("address", ["nobody", "a@b@c.example", "a b@example.org", "x@example.org\nBcc: y@example.org", "x@[127.0.0.1]"])
def test_what_is_no_address_is_not_tried(open_office, booking, address):
    change_mails(to_address=address)
    assert deliver() == 0
    assert only_mail().status == "failed"
    assert open_office.lines == []


def test_an_address_in_another_script(open_office, booking):
    change_mails(to_address="mira@tälberg.example")
    assert deliver() == 1
    assert open_office.recipients == ["mira@xn--tlberg-bua.example"]


EVIL = "Jazz\r\nBcc: everybody@example.org\r\n\r\nBuy\u2028this\x00\x1b"


def test_nobody_writes_headers_through_a_name(open_office, mira):
    event = make_event(name="placeholder")
    make_booking(user=mira, event=event)
    with transaction():
        event.name = EVIL.replace("\x00", "")
        mira.first_name, mira.last_name = "Mira\r\nBcc: x@example.org", "Tälberg, <y@example.org>"
    assert deliver() == 1
    (message,) = open_office.messages
    assert message["Subject"] == "Your ticket for Jazz Bcc: everybody@example.org Buy this"
    assert message["Bcc"] is None
    assert message.get_all("To")[0].addresses[0].addr_spec == "mira@talberg.example"
    assert len(message["To"].addresses) == 1
    assert sorted({name.lower() for name in message}) == sorted(
        ["from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"]
    )


@pytest.mark.parametrize("line", ["a\r.\r\tb", "ends with a space ", "ends with a tab\t", ".", "é→😀 " * 40, "x=" * 100, ""])
def test_every_line_survives_and_none_ends_before_its_end(line):
    body = mime.body(f"{line}\nlast", "", [], boundary="x")
    part = message_from_bytes(body).get_payload(0)
    assert part.get_payload(decode=True).decode() == f"{line}\r\nlast"
    # No lone break, at which a server might end the mail (as with "\r.\r"), and no line beyond what mail may have.
    lines = body.split(b"\r\n")
    assert not any(b"\r" in written or b"\n" in written or len(written) > 76 for written in lines)


def test_a_long_subject_survives(open_office, mira):
    name = "Donaudampfschifffahrtsgesellschaftskapitänsmützenausstellung — " * 3
    make_booking(user=mira, event=make_event(name=name.strip()))
    deliver()
    assert open_office.messages[0]["Subject"] == f"Your ticket for {name.strip()}"


def test_a_decision_wakes_whoever_sends_without_waiting_for_the_sweep(app, open_office, mira, concert):
    with EmbeddedWorker(app.extensions["celery"], beat=False):
        make_booking(user=mira, event=concert, tickets=2, decided=False)
        (message,) = open_office.wait_for(1)
    assert message["Subject"].startswith("Your 2 tickets")


def test_a_worker_of_its_own_sends_what_this_process_decided(site, open_office, mira, concert):
    if site.database == "sqlite":
        pytest.skip("its broker is in the memory of one process")
    with working(site, EMAIL_HOST=open_office.host, EMAIL_PORT=str(open_office.port)):
        make_booking(user=mira, event=concert, tickets=2)
        (message,) = open_office.wait_for(1)
    assert message["Subject"].startswith("Your 2 tickets")


def test_the_queue_is_read_by_its_index(app, booking):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("plans are read on PostgreSQL")
    write_mails(5000, status="sent")
    with transaction() as session:
        session.execute(sa.update(Mail).where(Mail.to_address.like("reader77%")).values(status="queued"))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE mails"))
        statement = outbox.waiting(utc_now(), limit=50).compile(db.engine, compile_kwargs={"literal_binds": True})
        plan = "\n".join(connection.scalars(sa.text(f"EXPLAIN {statement}")))
    assert "ix_mails_waiting" in plan, plan
    assert "Sort" not in plan, plan
