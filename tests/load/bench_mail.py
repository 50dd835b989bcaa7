"""`make bench-mail`: how fast the outbox empties, beside plain smtplib in one loop over one connection, in one turn.

All send the same mails, confirmations of tickets with their calendar file, to the same server. One loop makes each of
words that are ready, with the standard library's EmailMessage; another has even the bytes ready. Both forget what
they sent. The outbox claims, renders, sends and settles each mail. Prints everything and writes
docs/benchmarks/mail.md. Ratios are what counts; absolute numbers are this machine's.
"""

import datetime as dt
import gc
import smtplib
import statistics
import sys
import time
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy

from sqlalchemy import func, insert, select

from config import ROOT
from evently.bookings import allocator
from evently.bookings.models import Booking
from evently.database import transaction
from evently.extensions import db
from evently.launch.ports import free_port
from evently.launch.supervisor import Service
from evently.notifications import letters, mail_worker, outbox
from evently.notifications.models import QUEUED, Mail
from tests.load.report import Report
from tests.load.stage import Stage, describe_machine, make_buyers, make_event, stage

ROUNDS = 3
MAILS = 1000
FLOOR = 0.5


@dataclass(frozen=True)
class Round:
    """Mails per second."""

    site: float
    plain_loop: float
    ready_loop: float


def main() -> None:
    report = Report("Mail", "mail.md", describe_machine())
    port = free_port()
    with stage(EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(port), ALLOCATE_INLINE_WITHOUT_BROKER="false") as played:
        # As wsgi.py does it for a worker.
        gc.collect()
        gc.freeze()
        _start_sink(played, port)
        _fill_outbox(MAILS)
        ready = _letters()
        _send_in_loop(port, ready[:50])
        _empty_outbox()
        rounds = [_round(port, ready) for _ in range(ROUNDS)]
        _report(report, rounds, statistics.mean(len(letter.content) for letter in ready))
    report.write(ROOT / "docs" / "benchmarks")


def _start_sink(played: Stage, port: int) -> None:
    command = [sys.executable, "-m", "tests.load.mail_sink", str(port)]
    played.supervisor.start(Service("The mail server", command, env=played.environ, cwd=ROOT))
    deadline = time.monotonic() + 20
    while True:
        try:
            smtplib.SMTP("127.0.0.1", port).quit()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the mail server does not answer"
            time.sleep(0.05)
        else:
            return


def _round(port: int, ready: list[letters.Letter]) -> Round:
    plain_loop = _make_and_send_in_loop(port, ready)
    ready_loop = _send_in_loop(port, ready)
    _fill_outbox(len(ready))
    return Round(site=_empty_outbox(), plain_loop=plain_loop, ready_loop=ready_loop)


def _fill_outbox(count: int) -> None:
    """Confirmations as the allocator writes them."""
    event = make_event(capacity=count)
    booking = {"event_id": event.id, "ticket_type_id": event.stock[0].ticket_type_id, "ticket_count": 1, "total_amount": 12}
    with transaction() as session:
        session.execute(insert(Booking), [{**booking, "currency": "EUR", "user_id": user_id} for user_id, _ in make_buyers(count)])
    allocator.process_queue(event.id)


def _letters() -> list[letters.Letter]:
    """All that waits, as it goes over the wire; it waits on."""
    mails = outbox.claim(limit=MAILS, lease=dt.timedelta(minutes=5))
    written = [letters.compose(mail) for mail in mails]
    outbox.release(mails)
    return written


def _send_in_loop(port: int, ready: list[letters.Letter]) -> float:
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as line:
        for letter in ready:
            line.sendmail(letter.sender, [letter.recipient], letter.content)
    return len(ready) / (time.perf_counter() - began)


def _make_and_send_in_loop(port: int, ready: list[letters.Letter]) -> float:
    words = [_words(message_from_bytes(letter.content, policy=policy)) for letter in ready]
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as line:
        for headers, text, html, calendar in words:
            message = EmailMessage()
            for name, value in headers.items():
                message[name] = value
            message.set_content(text)
            message.add_alternative(html, subtype="html")
            message.add_attachment(calendar, maintype="text", subtype="calendar", filename="event.ics")
            line.send_message(message)
    return len(ready) / (time.perf_counter() - began)


def _words(message: EmailMessage) -> tuple[dict[str, str], str, str, bytes]:
    """Headers, text, HTML and the file."""
    headers = {name: str(value) for name, value in message.items() if not name.startswith(("Content-", "MIME-"))}
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    (calendar,) = message.iter_attachments()
    return headers, text, html, calendar.get_payload(decode=True)


def _empty_outbox() -> float:
    waiting = db.session.scalar(select(func.count()).where(Mail.status == QUEUED))
    db.session.remove()
    began = time.perf_counter()
    sent = mail_worker.deliver()
    seconds = time.perf_counter() - began
    assert sent == waiting == MAILS, (sent, waiting)
    return sent / seconds


def _report(report: Report, rounds: list[Round], size: float) -> None:
    plain = statistics.median(each.site / each.plain_loop for each in rounds)
    ready = statistics.median(each.site / each.ready_loop for each in rounds)
    loop, loop_ready = (statistics.median(each) for each in zip(*((each.plain_loop, each.ready_loop) for each in rounds), strict=True))
    report.section(f"{MAILS} confirmations of {size / 1024:.0f} kB with a calendar file, {ROUNDS} rounds")
    report.line("Mails per second, out of the outbox by one worker", f"{statistics.median(each.site for each in rounds):,.0f}")
    report.line("smtplib in one loop over one connection, which makes each mail", f"{loop:,.0f}")
    report.line("Ratio", f"{plain:.2f}")
    # The stricter of two ways to read "plain smtplib".
    report.line("That loop with the bytes of every mail ready", f"{loop_ready:,.0f}")
    report.line("Ratio", f"{ready:.2f}", floor=f"≥ {FLOOR:.2f}", holds=ready >= FLOOR)


if __name__ == "__main__":
    main()
