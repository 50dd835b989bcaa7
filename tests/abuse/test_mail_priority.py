"""Tickets are sent before all other e-mails."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.database import transaction
from evently.notifications import mail_worker, outbox
from evently.notifications.models import Mail
from tests.abuse.mail import confirmed, limit, sent_to
from tests.factories import make_booking, make_event, make_user
from tests.harness.mail import SmtpServer
from tests.notifications.outbox_helpers import deliver, mails, write_mails

__all__ = ["limit"]
# The budgets hold without the limits on requests.
pytestmark = pytest.mark.usefixtures("no_limits")


def test_a_ticket_overtakes_ten_thousand_other_mails(app: Flask, smtp_server: SmtpServer):
    event = make_event(capacity=10)
    make_booking(event=event)
    write_mails(10_000, kind="event_reminder", status="queued")
    booking = make_booking(user=confirmed(email="buyer@example.org"), event=event)
    claimed = outbox.claim(limit=50, lease=mail_worker.dt.timedelta(minutes=5))
    assert (claimed[0].kind, claimed[0].booking_id, len(claimed)) == ("booking_confirmed", booking.id, 50)


class Clerk(SmtpServer):
    """Does something when the first mail comes, before it takes it."""

    def __init__(self, at_first: Callable[[], object]) -> None:
        super().__init__()
        self._at_first: Callable[[], object] | None = at_first

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        at_first, self._at_first = self._at_first, None
        if at_first:
            await asyncio.to_thread(at_first)
        return await super().handle_DATA(server, session, envelope)


def test_a_ticket_does_not_wait_for_a_slow_batch_of_others(app: Flask, monkeypatch: pytest.MonkeyPatch):
    event = make_event(capacity=10)
    make_booking(event=event)
    write_mails(6, kind="event_message", context={"subject": "News", "body": "News"})
    template = mails()[0]
    ticket = {"kind": "booking_confirmed", "to_address": "buyer@example.org", "delivery_key": "ticket", "context": {}}
    ticket |= {"user_id": template.user_id, "booking_id": template.booking_id, "event_id": event.id}

    def write_ticket() -> None:
        with app.app_context(), transaction() as session:
            session.execute(sa.insert(Mail), [ticket])

    clerk = Clerk(write_ticket)
    monkeypatch.setitem(app.config, "EMAIL_HOST", clerk.host)
    monkeypatch.setitem(app.config, "EMAIL_PORT", clerk.port)
    monkeypatch.setitem(app.config, "EMAIL_CONNECTIONS", 1)
    # As if every answer of the server took that long.
    monkeypatch.setattr(mail_worker, "TURN_OF_OTHERS", 0)
    clerk.start()
    try:
        deliver()
    finally:
        clerk.stop()
    assert [message["To"].addresses[0].addr_spec for message in clerk.messages][1] == "buyer@example.org"


def test_a_share_of_the_rate_is_left_to_tickets(app: Flask, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "EMAIL_PER_MINUTE", 20)
    event = make_event(capacity=10)
    make_booking(event=event)
    write_mails(60, kind="event_message", context={"subject": "News", "body": "News"})
    assert deliver() == 18
    make_booking(user=make_user(email="buyer@example.org"), event=event)
    assert deliver() == 1
    assert sent_to(smtp_server)["buyer@example.org"] == 1
