"""The mail server hangs: the worker for mails waits for it, and nobody else."""

import pytest

from tests.faults.consistency import Books, until
from tests.faults.parts import Parts, running
from tests.faults.sale import Sale
from tests.notifications.outbox_helpers import PostOffice

pytestmark = pytest.mark.xdist_group("faults")


def test_a_mail_server_that_hangs_delays_no_decision(sale: Sale, books: Books, parts: Parts) -> None:
    office = PostOffice()
    office.is_hanging = True
    office.start()
    worker = parts.worker("mail worker", "mail,default", EMAIL_HOST=office.host, EMAIL_PORT=str(office.port), EMAIL_TIMEOUT="60")
    with running(worker), sale:
        assert office.hangs.wait(20), "the first mail"
        before = len(sale.answers)
        until(lambda: len(sale.answers) >= min(before + 120, sale.people), within=60, what="people go on booking")
        books.wait_until_decided(sale, within=2)
    books.wait_until_decided(sale, within=2)
    longest = books.value("SELECT max(decided_at - booking_date) FROM bookings WHERE event_id = :event", event=sale.event_id)
    assert longest.total_seconds() < 2
    assert office.messages == []
    books.check(sale)
    office.stop()
