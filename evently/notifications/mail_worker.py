"""Sends what waits in the outbox: a batch at a time, over one connection, with no transaction open meanwhile.

Where there is more than a batch, other connections help. Most of a mail's time is spent waiting for somebody's answer.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from flask import Flask, current_app

from evently.notifications import outbox
from evently.notifications.letters import BadAddress, Letter, compose, sender_domain
from evently.notifications.models import TICKETS_FIRST, Mail
from evently.notifications.smtp import AmbiguousDelivery, MailServer, Refused, Unreachable
from evently.notifications.suppression_rules import obsolete_reason

log = logging.getLogger(__name__)
BATCH = 50
# seconds that a batch takes at most before what is left of it is returned to the queue
BATCH_TIME = 120
# The same for what is no ticket: tickets written meanwhile must not wait for a slow server to take fifty other mails.
TURN_OF_OTHERS = 5
# seconds after which no other batch is begun, so that the task ends within its time; the sweep goes on
RUN_TIME = 30
# Answers a server gives until it has taken a mail: to a new connection, EHLO, STARTTLS and AUTH, and to each mail.
MAX_UNANSWERED = 12
# Breaks of the line in a row after which the server is left alone until the next sweep.
PATIENCE = 2

_turn = threading.Lock()
_asked = threading.Event()


def deliver() -> int:
    """Send what is waiting; how many mails left. One at a time per process: whoever comes second makes the first look again.

    So a server that hangs holds up one of the worker's threads and not all of them.
    """
    _asked.set()
    sent, until = 0, time.monotonic() + RUN_TIME
    while _asked.is_set() and time.monotonic() < until and _turn.acquire(blocking=False):
        try:
            _asked.clear()
            sent += _drain(until)
        finally:
            _turn.release()
    return sent


def _drain(until: float) -> int:
    if not current_app.config["EMAIL_HOST"]:
        return _capture()
    helpers: list[Future[int]] = []
    most = current_app.config["EMAIL_CONNECTIONS"]
    with ThreadPoolExecutor(most, thread_name_prefix="mail") as pool:

        def call_helpers() -> None:
            app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - threads have no app of their own
            helpers.extend(pool.submit(_spawn_helper, app, until) for _ in range(len(helpers) + 1, most))

        return _run_connection(until, call_helpers) + sum(helper.result() for helper in helpers)


def _spawn_helper(app: Flask, until: float) -> int:
    with app.app_context():
        return _run_connection(until, lambda: None)


def _run_connection(until: float, call_helpers: Callable[[], None]) -> int:
    """Batch after batch over one connection; how many mails left. Helpers are called as soon as there is a whole batch."""
    sent = misses = 0
    config = current_app.config
    lease = dt.timedelta(seconds=BATCH_TIME + MAX_UNANSWERED * config["EMAIL_TIMEOUT"])
    with mail_server() as server:
        while misses < PATIENCE and time.monotonic() < until:
            mails = outbox.claim(limit=BATCH, lease=lease, per_minute=config["EMAIL_PER_MINUTE"])
            if len(mails) == BATCH:
                call_helpers()
            if not mails:
                break
            batch_sent, misses = _send_batch(server, mails, misses)
            sent += batch_sent
    return sent


def _capture() -> int:
    caught = 0
    while count := outbox.capture(limit=10 * BATCH):
        caught += count
    return caught


def mail_server() -> MailServer:
    config = current_app.config
    return MailServer(
        host=config["EMAIL_HOST"],
        port=config["EMAIL_PORT"],
        hello=sender_domain(),
        use_tls=config["EMAIL_USE_TLS"],
        user=config["EMAIL_HOST_USER"],
        password=config["EMAIL_HOST_PASSWORD"],
        timeout=config["EMAIL_TIMEOUT"],
    )


def _send_batch(server: MailServer, mails: Sequence[Mail], misses: int) -> tuple[int, int]:
    """How many were sent, and how often in a row the line broke. What could not be tried is given back."""
    # While a mail is begun only within BATCH_TIME, its lease outlasts it.
    began = time.monotonic()
    # All of them before the first is sent: between two waits for the server, writing a mail takes three times as long.
    ready = [(mail, letter) for mail in mails if (letter := _letter(mail))]
    sent = 0
    for position, (mail, letter) in enumerate(ready):
        makes_way = position > 0 and mail.priority != TICKETS_FIRST
        if misses >= PATIENCE or time.monotonic() > began + (TURN_OF_OTHERS if makes_way else BATCH_TIME):
            outbox.release([mail for mail, _ in ready[position:]])
            break
        try:
            sent += _send(server, mail, letter)
            misses = 0
        except Unreachable as error:
            misses += 1
            log.warning("Mail %s waits for another try: %s", mail.id, error)
            note = outbox.mark_ambiguous if isinstance(error, AmbiguousDelivery) else outbox.retry_later
            note(mail, reason=str(error))
    return sent, misses


def _send(server: MailServer, mail: Mail, letter: Letter) -> bool:
    """Whether the server took it; that, or why not, is written down. Raises Unreachable, with nothing written."""
    try:
        answer = server.send(sender=letter.sender, recipient=letter.recipient, content=letter.content)
    except Refused as refusal:
        if refusal.is_permanent:
            outbox.mark_failed(mail, reason=str(refusal))
        else:
            outbox.retry_later(mail, reason=str(refusal))
        return False
    outbox.mark_sent(mail, answer=answer)
    return True


def _letter(mail: Mail) -> Letter | None:
    """What to send, or None when there is nothing to; then why is written down."""
    if mail.attempts > outbox.MAX_ATTEMPTS:
        # Whoever had it died each time.
        outbox.mark_failed(mail, reason=mail.last_error or f"Given up after {outbox.MAX_ATTEMPTS} tries.")
        return None
    if reason := obsolete_reason(mail):
        outbox.suppress(mail, reason=reason)
        return None
    try:
        return compose(mail)
    except BadAddress as error:
        outbox.mark_failed(mail, reason=str(error))
    except Exception as error:  # whatever is wrong with one mail must not hold up the others
        log.exception("Mail %s could not be written", mail.id)
        outbox.retry_later(mail, reason=f"It could not be written: {error!r}")
    return None
