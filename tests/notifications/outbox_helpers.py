"""A mail server with moods, and the outbox as a test looks at it."""

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from evently.database import transaction, utc_now
from evently.extensions import db
from evently.notifications import mail_worker
from evently.notifications.models import Mail
from tests.harness.mail import SmtpServer
from tests.harness.site import apart, fresh


class PostOffice(SmtpServer):
    """`answers` are those to RCPT, by address, one per try; then it takes the mail. `lines` are the connections it had."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, list[str]] = {}
        self.lines: list[Any] = []
        self._transports: set[asyncio.Transport] = set()
        self.is_hanging = False
        # how many mails hang in DATA at this moment
        self.hanging = 0
        # how many mails are cut off in the middle of DATA
        self.drops = 0
        # set when it begins to hang
        self.hangs = threading.Event()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if session.peer not in self.lines:
            self.lines.append(session.peer)
            assert server.transport
            self._transports.add(server.transport)
        if answers := self.answers.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.is_hanging:
            self.hangs.set()
            self.hanging += 1
            try:
                await asyncio.sleep(3600)
            finally:
                self.hanging -= 1
        if self.drops:
            self.drops -= 1
            assert server.transport
            server.transport.abort()
            return "421 gone"
        return await super().handle_DATA(server, session, envelope)

    def restart(self) -> None:
        """Every connection breaks, and for a moment there is nobody."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._controller.loop).result(5)
        self.stop()
        self._controller = Controller(self, hostname=self.host, port=self.port)
        self.start()

    async def _hang_up(self) -> None:
        for transport in self._transports:
            transport.abort()
        # Until each has heard of it.
        for _ in range(3):
            await asyncio.sleep(0)

    @property
    def recipients(self) -> list[str]:
        return [message["To"].addresses[0].addr_spec for message in self.messages]


def deliver() -> int:
    """As the Celery task does it; how many mails left."""
    return apart(mail_worker.deliver)


def mails() -> Sequence[Mail]:
    """The whole outbox in the order of writing."""
    fresh()
    return db.session.scalars(sa.select(Mail).order_by(Mail.id).execution_options(populate_existing=True)).all()


def only_mail() -> Mail:
    (mail,) = mails()
    return mail


def write_mails(count: int, *, to: str = "reader{}@example.org", **values: Any) -> None:
    """Mails that are about a booking there is, without a booking for each."""
    template = mails()[0]
    row = {"kind": template.kind, "user_id": template.user_id, "booking_id": template.booking_id, "event_id": template.event_id}
    rows = [{**row, "delivery_key": f"test:{number}", "to_address": to.format(number), "context": {}, **values} for number in range(count)]
    with transaction() as session:
        session.execute(sa.delete(Mail))
        session.execute(sa.insert(Mail), rows)


def change_mails(**values: Any) -> None:
    with transaction() as session:
        session.execute(sa.update(Mail).values(values))


def let_time_pass() -> None:
    """Every delay is over and every lease has run out."""
    past = utc_now() - dt.timedelta(seconds=1)
    with transaction() as session:
        session.execute(sa.update(Mail).where(Mail.lease_until.is_not(None)).values(lease_until=past))
        session.execute(sa.update(Mail).where(Mail.not_before > past).values(not_before=past))


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is told meanwhile."""
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(" ".join(statement.split()))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
