"""Mails that fail: who sees it, who tries them again, and when it is worth an alert."""

import datetime as dt

import pytest
import sqlalchemy as sa

from evently.audit.models import AuditEntry
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAllowed
from evently.extensions import db
from evently.notifications.queries import delivery_outage, list_failed_mail
from evently.notifications.retries import retry_all, retry_mail
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_superuser
from tests.notifications.outbox_helpers import change_mails, deliver, only_mail, write_mails

SIX_MINUTES = dt.timedelta(minutes=6)


def test_trouble_is_when_mails_fail_for_five_minutes_and_none_gets_through(open_office, booking):
    open_office.refuse = "451 Later"
    deliver()
    assert delivery_outage() is None
    change_mails(created_at=utc_now() - SIX_MINUTES)
    trouble = delivery_outage()
    assert (trouble.waiting, trouble.reason) == (1, "451 Later")
    assert utc_now() - trouble.since >= SIX_MINUTES
    # Others get through, so it is that reader's server.
    open_office.refuse = None
    make_booking()
    deliver()
    assert delivery_outage() is None


def test_trouble_is_when_nobody_sends_mails_at_all(app, booking):
    assert delivery_outage() is None
    past = utc_now() - SIX_MINUTES
    change_mails(created_at=past, not_before=past)
    assert (delivery_outage().waiting, delivery_outage().reason) == (1, "")


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_failed_mail_is_tried_again_at_the_address_of_now(open_office, booking):
    admin = make_superuser()
    open_office.answers[booking.user.email] = ["550 No such user"]
    deliver()
    (failed,) = list_failed_mail(by=admin).items
    assert failed.last_error == "550 No such user"
    with transaction() as session:
        session.merge(booking.user).email = "right@example.org"
    retry_mail(by=admin, mail_id=failed.id)
    assert deliver() == 1
    assert open_office.recipients == ["right@example.org"]
    assert list_failed_mail(by=admin).items == []
    with pytest.raises(Conflict):
        retry_mail(by=admin, mail_id=failed.id)
    assert "mail.retried" in db.session.scalars(sa.select(AuditEntry.action)).all()


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_all_of_them_at_once(open_office, booking):
    admin = make_superuser()
    write_mails(3, status="failed", attempts=1, last_error="550 No")
    assert [retry_all(by=admin) for _ in range(2)] == [3, 0]
    assert deliver() == 3


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_who_may(app):
    event = make_event()
    make_booking(event=event)
    change_mails(status="failed", last_error="550 No")
    mail = only_mail()
    for by in (make_staff(), event.organizer):
        with pytest.raises(NotAllowed):
            list_failed_mail(by=by)
        with pytest.raises(NotAllowed):
            retry_all(by=by)
    with pytest.raises(NotAllowed):
        retry_mail(by=make_organizer(), mail_id=mail.id)
    assert retry_mail(by=event.organizer, mail_id=mail.id).status == "queued"
