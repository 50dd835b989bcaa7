"""Servers that refuse, break off or hang, and workers that die: every mail is sent, and none twice."""

import datetime as dt
import subprocess
import sys
import threading

import sqlalchemy as sa

from evently.database import transaction, utc_now
from evently.extensions import db
from evently.notifications import mail_worker, outbox
from evently.notifications.models import Mail
from evently.notifications.retries import retry_mail
from tests.factories import make_booking, make_superuser
from tests.harness.parts import ROOT
from tests.harness.site import apart
from tests.notifications.outbox_helpers import change_mails, deliver, let_time_pass, mails, only_mail, write_mails


def test_a_temporary_refusal_is_tried_again_later(open_office, booking):
    write_mails(3)
    open_office.answers["reader1@example.org"] = ["451 4.7.1 Greylisted, come back later"]
    assert deliver() == 2
    mail = next(mail for mail in mails() if mail.status == "queued")
    assert (mail.to_address, mail.attempts, mail.lease_until) == ("reader1@example.org", 1, None)
    assert mail.last_error == "451 4.7.1 Greylisted, come back later"
    assert dt.timedelta(0) < mail.not_before - utc_now() <= dt.timedelta(seconds=1.25 * outbox.FIRST_DELAY)
    assert deliver() == 0
    let_time_pass()
    assert deliver() == 1
    mail = next(mail for mail in mails() if mail.to_address == "reader1@example.org")
    assert (mail.status, mail.attempts, mail.last_error) == ("sent", 2, None)
    assert len(open_office.recipients) == len(set(open_office.recipients)) == 3


def test_a_permanent_refusal_is_final_and_holds_up_nobody(open_office, booking):
    write_mails(3)
    open_office.answers["reader1@example.org"] = ["550 5.1.1 No such user"]
    assert deliver() == 2
    mail = next(mail for mail in mails() if mail.status == "failed")
    assert (mail.to_address, mail.attempts, mail.last_error) == ("reader1@example.org", 1, "550 5.1.1 No such user")
    let_time_pass()
    assert deliver() == 0
    assert len(open_office.lines) == 1


def test_content_that_is_refused_for_good(open_office, booking):
    open_office.refuse = "554 5.7.1 Looks like spam"
    deliver()
    assert (only_mail().status, only_mail().last_error) == ("failed", "554 5.7.1 Looks like spam")


def test_a_server_that_wants_a_login_is_no_fault_of_the_mail(open_office, booking):
    open_office.refuse = "530 5.7.0 Authentication required"
    deliver()
    assert only_mail().status == "queued"


def test_no_more_leave_within_a_minute_than_the_server_takes(app, open_office, booking, monkeypatch):
    monkeypatch.setitem(app.config, "EMAIL_PER_MINUTE", 60)
    write_mails(100)
    assert [deliver() for _ in range(2)] == [60, 0]
    # Others are still being sent, by whom we cannot know.
    with transaction() as session:
        ids = list(session.scalars(sa.select(Mail.id).where(Mail.status == "queued").limit(10)))
        held = {"status": "sending", "lease_until": utc_now() + dt.timedelta(minutes=1)}
        session.execute(sa.update(Mail).where(Mail.id.in_(ids)).values(held))
        session.execute(sa.update(Mail).where(Mail.status == "sent").values(sent_at=utc_now() - dt.timedelta(seconds=61)))
    assert deliver() == 30
    assert len(set(open_office.recipients)) == 90


def test_waiting_grows_to_an_hour_and_is_spread():
    waits = [outbox.back_off(attempts).total_seconds() for attempts in (1, 2, 5, 9, 30)]
    assert [0.75 <= wait / due <= 1.25 for wait, due in zip(waits, (10, 20, 160, 2560, 3600), strict=True)] == [True] * 5
    assert len({outbox.back_off(1) for _ in range(20)}) > 1


def test_after_a_day_of_tries_it_is_given_up(open_office, booking):
    change_mails(attempts=outbox.MAX_ATTEMPTS - 1)
    open_office.refuse = "451 Later"
    deliver()
    assert (only_mail().status, only_mail().last_error) == ("failed", f"Given up after {outbox.MAX_ATTEMPTS} tries: 451 Later")


def test_a_server_that_is_away_and_comes_back(post_office, booking):
    write_mails(20)
    assert deliver() == 0
    states = [(mail.status, mail.attempts, mail.lease_until) for mail in mails()]
    # It is left alone after two tries; whoever was not tried goes as soon as it is back.
    assert sorted(states, key=str) == [("queued", 0, None)] * 18 + [("queued", 1, None)] * 2
    assert "refused" in next(mail.last_error for mail in mails() if mail.last_error)
    post_office.start()
    assert deliver() == 18
    let_time_pass()
    assert deliver() == 2
    assert len(set(post_office.recipients)) == len(post_office.messages) == 20


def test_a_line_that_breaks_in_the_middle_of_a_mail(open_office, booking):
    write_mails(5)
    open_office.drops = 1
    assert deliver() == 4
    assert len(open_office.lines) == 2
    let_time_pass()
    assert deliver() == 1
    assert len(set(open_office.recipients)) == len(open_office.messages) == 5


def test_what_may_have_arrived_is_not_sent_for_a_day(open_office, booking):
    open_office.drops = 100
    for _ in range(outbox.MAX_UNANSWERED + 2):
        deliver()
        let_time_pass()
    # Each time the server had the whole mail, and may have kept it.
    assert 100 - open_office.drops == outbox.MAX_UNANSWERED
    assert only_mail().status == "failed"
    assert only_mail().last_error.startswith("It may have arrived: 3 times the server had all of it")
    # Who tries it by hand sends one more.
    retry_mail(by=make_superuser(), mail_id=only_mail().id)
    deliver()
    assert (only_mail().status, 100 - open_office.drops) == ("failed", outbox.MAX_UNANSWERED + 1)
    open_office.drops = 0
    retry_mail(by=make_superuser(), mail_id=only_mail().id)
    assert deliver() == 1


def test_a_server_that_hangs_up_politely(open_office, booking):
    write_mails(3)
    open_office.answers["reader1@example.org"] = ["421 4.7.0 Too many mails, goodbye"]
    assert deliver() == 2
    let_time_pass()
    assert deliver() == 1
    assert len(set(open_office.recipients)) == len(open_office.messages) == 3


def test_a_server_that_hangs_holds_no_lock(app, open_office, booking, monkeypatch):
    monkeypatch.setitem(app.config, "EMAIL_TIMEOUT", 3.0)
    open_office.is_hanging = True
    worker = threading.Thread(target=deliver_in, args=(app,))
    worker.start()
    try:
        assert open_office.hangs.wait(10)
        # It is being sent, and everything about it can be written by others.
        with transaction() as session:
            if db.engine.dialect.name == "postgresql":
                session.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
            session.execute(sa.update(Mail).values(context={"seen": True}))
            (mail,) = session.scalars(sa.select(Mail))
            assert mail.status == "sending"
    finally:
        worker.join()
    mail = only_mail()
    assert (mail.status, mail.attempts) == ("queued", 1)
    assert "timed out" in mail.last_error


def deliver_in(app):
    with app.app_context():
        return mail_worker.deliver()


def test_a_second_call_in_the_process_makes_the_first_look_again(app, open_office, booking, monkeypatch):
    monkeypatch.setitem(app.config, "EMAIL_TIMEOUT", 2.0)
    open_office.is_hanging = True
    worker = threading.Thread(target=deliver_in, args=(app,))
    worker.start()
    try:
        assert open_office.hangs.wait(10)
        open_office.is_hanging = False
        make_booking(event=booking.event)
        # At once, although the other one hangs.
        assert deliver() == 0
    finally:
        worker.join()
    assert len(open_office.messages) == 1


def test_workers_share_a_queue_without_sending_twice(app, open_office, booking):
    write_mails(300)
    claimed, lock, start = [], threading.Lock(), threading.Barrier(4)

    def claim():
        start.wait()
        with app.app_context():
            while taken := outbox.claim(limit=10, lease=dt.timedelta(minutes=1)):
                with lock:
                    claimed.extend(mail.id for mail in taken)

    workers = [threading.Thread(target=claim) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(claimed) == len(set(claimed)) == 300


SEND = "from evently import create_app\nfrom evently.notifications.mail_worker import deliver\nwith create_app().app_context(): deliver()"


def test_the_mails_of_a_killed_worker_are_sent_by_the_next(site, open_office, booking):
    write_mails(5)
    open_office.is_hanging = True
    environ = site.process_environ(EMAIL_HOST=open_office.host, EMAIL_PORT=str(open_office.port), EMAIL_TIMEOUT="30")
    with subprocess.Popen([sys.executable, "-c", SEND], env=environ, cwd=ROOT) as worker:
        assert open_office.hangs.wait(20)
        worker.kill()
    open_office.is_hanging = False
    assert {mail.status for mail in mails()} == {"sending"}
    # As long as it might live nobody takes them.
    assert deliver() == 0
    let_time_pass()
    assert deliver() == 5
    assert len(set(open_office.recipients)) == len(open_office.messages) == 5
    assert {mail.attempts for mail in mails()} == {2}


def test_a_worker_taken_for_dead_changes_nothing_any_more(open_office, booking):
    def two_workers():
        (slow,) = outbox.claim(limit=1, lease=dt.timedelta(seconds=-1))
        (same,) = _claim_elsewhere()
        outbox.mark_sent(same, answer="250 from the second")
        outbox.mark_failed(slow, reason="from the first")

    def _claim_elsewhere():
        return apart(lambda: outbox.claim(limit=1, lease=dt.timedelta(minutes=1)))

    apart(two_workers)
    assert (only_mail().status, only_mail().provider_id) == ("sent", "250 from the second")


def test_both_copies_of_a_mail_have_one_message_id(open_office, booking):
    deliver()
    change_mails(status="sending", lease_until=utc_now() - dt.timedelta(seconds=1))
    deliver()
    first, second = open_office.messages
    assert first["Message-ID"] == second["Message-ID"]
