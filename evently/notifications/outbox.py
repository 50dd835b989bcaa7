"""A mail's way through the outbox: queued → sending → sent, failed or suppressed, or back to queued for another try.

Each step is one short transaction, and none is open while a mail is being sent: whoever sends it holds a lease, which
is a moment in its row. When the worker dies the moment passes, and the next one takes the mail again. Every later step
checks that the lease is still the one it took, so a worker that was taken for dead changes nothing any more.

That leaves one window: a worker that dies after the mail server said "250" and before `mark_sent` is committed. The
mail is then sent a second time, with the same Message-ID. SMTP knows no way to ask whether a mail was taken, so a line
that breaks between the last byte and the "250" is the same window: the mail is tried again, but only a few times.
"""

import datetime as dt
import logging
import random
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import Select, Update, bindparam, false, func, literal, or_, select, union_all, update

from evently.accounts.models import User
from evently.database import on_commit, single_statement, transaction, utc_now
from evently.extensions import db
from evently.notifications import mail_budgets
from evently.notifications.mail_budgets import Delivery
from evently.notifications.models import ACCOUNT_CLOSED, FAILED, OVER_LIMIT, QUEUED, SENDING, SENT, SUPPRESSED, TICKETS_FIRST, Mail
from evently.observability import metrics

log = logging.getLogger(__name__)
# provider_id of mails that were caught here instead of being sent
MAILBOX = "mailbox"
# With the delays below this is about a day, after which nobody waits for the mail any more.
MAX_ATTEMPTS = 30
# How often a mail is handed over whole without an answer, each time perhaps to its reader.
MAX_UNANSWERED = 3
# seconds; doubled with each attempt, up to the longest
FIRST_DELAY, MAX_DELAY = 10.0, 3600.0
# Of those who count what was sent within a minute; any number that nobody else locks.
LOCK = 0x6D61696C
# characters of a server's answer that are kept
MAX_REASON_LENGTH = 500


def claim(*, limit: int, lease: dt.timedelta, per_minute: int = 0) -> Sequence[Mail]:
    """Take the mails that have waited longest, for as long as the lease; each is handed to one worker only.

    Tickets go first. With `per_minute` no more than that are sent within any minute, by all workers together, of which a
    share is left to tickets.
    """
    claimed = _claim(limit=limit, lease=lease, per_minute=per_minute)
    while claimed is not None and not claimed:
        # All of them exceeded the budgets of their recipients, and others may wait behind them.
        claimed = _claim(limit=limit, lease=lease, per_minute=per_minute)
    return claimed or []


def _claim(*, limit: int, lease: dt.timedelta, per_minute: int) -> Sequence[Mail] | None:
    """Those that fit the budgets of their recipients; None when no mail waits."""
    now = utc_now()
    with transaction() as session:
        ids = _within_rate(now, limit, per_minute) if per_minute else session.scalars(waiting(now, limit=limit)).all()
        if not ids:
            return None
        values = {"status": SENDING, "lease_until": now + lease, "attempts": Mail.attempts + 1}
        session.connection().execute(update(Mail).where(Mail.id.in_(ids)).values(values))
        query = select(Mail).where(Mail.id.in_(ids)).order_by(Mail.priority, Mail.not_before, Mail.id)
        mails = session.scalars(query.execution_options(populate_existing=True)).all()
        # At the first attempt: whatever becomes of it, later ones are for the same e-mail.
        excess = _suppress_excess([Delivery.of(mail) for mail in mails if mail.attempts == 1])
    return [mail for mail in mails if mail.id not in excess]


def _suppress_excess(deliveries: Sequence[Delivery]) -> set[int]:
    """Mark what exceeds the budget of its recipient as not to be sent, within the transaction that takes it; the ids."""
    excess = mail_budgets.ids_over_budget(deliveries)
    if excess:
        values = {"status": SUPPRESSED, "lease_until": None, "last_error": OVER_LIMIT}
        db.session.connection().execute(update(Mail).where(Mail.id.in_(excess)).values(values))
        on_commit(partial(metrics.count_mail, SUPPRESSED, len(excess)))
    return excess


def _within_rate(now: dt.datetime, limit: int, per_minute: int) -> Sequence[int]:
    """Ids of what may be sent within this minute. A tenth of the rate is for tickets alone, so that none waits for a bulk of others."""
    room = min(limit, free := _room(now, per_minute))
    rows = db.session.execute(waiting(now, limit=room)).all()
    return [mail_id for place, (mail_id, priority) in enumerate(rows) if priority == TICKETS_FIRST or place < free - per_minute // 10]


def _room(now: dt.datetime, per_minute: int) -> int:
    """How many more may be sent now; who asks at the same moment waits until this transaction has taken its share."""
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    sent = select(func.count()).where(Mail.status == SENT, Mail.sent_at > now - dt.timedelta(minutes=1))
    sending = select(func.count()).where(Mail.status == SENDING, Mail.lease_until >= now)
    # In one statement: a mail that is sent between two of them would be in neither.
    counted: int = connection.scalars(select(sent.scalar_subquery() + sending.scalar_subquery())).one()
    return max(0, per_minute - counted)


def waiting(now: dt.datetime, *, limit: int) -> Select[int, int]:
    """Ids and priorities of mails that are due and that no living worker holds, locked; those that another one takes are skipped."""
    return (
        select(Mail.id, Mail.priority)
        .where(Mail.status.in_([QUEUED, SENDING]), Mail.not_before <= now, or_(Mail.lease_until.is_(None), Mail.lease_until < now))
        .order_by(Mail.priority, Mail.not_before, Mail.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Mail)
    )


def count_unsettled() -> dict[str, int]:
    """By state: what waits or is being sent, and what failed. Not what was sent, of which there may be millions."""
    waiting = select(Mail.status, func.count()).where(Mail.status.in_([QUEUED, SENDING])).group_by(Mail.status)
    failed = select(literal(FAILED), func.count()).where(Mail.status == FAILED)
    with single_statement(writes=False) as connection:
        return {QUEUED: 0, SENDING: 0} | {row[0]: row[1] for row in connection.execute(union_all(waiting, failed))}


def capture(*, limit: int) -> int:
    """Mark mails as sent that stay here, for the mailbox to show; how many."""
    now = utc_now()
    with transaction() as session:
        ids = session.scalars(waiting(now, limit=limit)).all()
        values = {
            "status": SENT,
            "provider_id": MAILBOX,
            "sent_at": now,
            "tried_at": now,
            "lease_until": None,
            "attempts": Mail.attempts + 1,
        }
        if ids:
            session.connection().execute(update(Mail).where(Mail.id.in_(ids)).values(values))
            excess = _suppress_excess(_first_attempts(ids))
            on_commit(partial(metrics.count_mail, SENT, len(ids) - len(excess)))
    return len(ids)


def _first_attempts(ids: Sequence[int]) -> list[Delivery]:
    is_confirmed = User.email_confirmed_at.is_not(None) & (func.lower(User.email) == func.lower(Mail.to_address))
    query = select(Mail.id, Mail.kind, Mail.to_address, func.coalesce(is_confirmed, false())).outerjoin(User, User.id == Mail.user_id)
    rows = db.session.execute(query.where(Mail.id.in_(ids), Mail.attempts == 1).order_by(Mail.priority, Mail.not_before, Mail.id))
    return [Delivery(*row) for row in rows]


def mark_sent(mail: Mail, *, answer: str) -> None:
    """The server has taken it; `answer` is how it said so, often with its own number for the mail."""
    now = utc_now()
    _update_leased(mail, status=SENT, tried_at=now, sent_at=now, provider_id=answer[:200], last_error=None)


def retry_later(mail: Mail, *, reason: str, **values: Any) -> None:
    """Another try after a while, unless there were too many; `values` are written with it."""
    if mail.attempts >= MAX_ATTEMPTS:
        mark_failed(mail, reason=f"Given up after {mail.attempts} tries: {reason}")
    else:
        now = utc_now()
        values |= {"last_error": reason[:MAX_REASON_LENGTH], "not_before": now + back_off(mail.attempts)}
        _update_leased(mail, status=QUEUED, tried_at=now, **values)


def mark_ambiguous(mail: Mail, *, reason: str) -> None:
    """The server may have taken it, or not: nobody can say. Another try, and after a few it is for people to decide."""
    times = mail.context.get("unanswered", 0) + 1
    if times >= MAX_UNANSWERED:
        mark_failed(mail, reason=f"It may have arrived: {times} times the server had all of it and gave no answer: {reason}")
    else:
        retry_later(mail, reason=f"No answer to the whole mail: {reason}", context=mail.context | {"unanswered": times})


def mark_failed(mail: Mail, *, reason: str) -> None:
    """It will not be sent."""
    log.warning("Mail %s failed: %s", mail.id, reason)
    _update_leased(mail, status=FAILED, tried_at=utc_now(), last_error=reason[:MAX_REASON_LENGTH])


def suppress(mail: Mail, *, reason: str) -> None:
    """It should not be sent: what it tells is no longer so."""
    _update_leased(mail, status=SUPPRESSED, last_error=reason)


def release(mails: Sequence[Mail]) -> None:
    """Claimed and not tried; anybody may take them at once, and those that were not tried before are counted again then."""
    for mail in mails:
        _update_leased(mail, status=QUEUED, attempts=mail.attempts - 1)
    mail_budgets.release([Delivery.of(mail) for mail in mails if mail.attempts == 1])


def purge_deleted_accounts() -> int:
    """Take the addresses of people who closed their account out of the good-byes that are settled; how many."""
    is_settled = (Mail.kind == ACCOUNT_CLOSED, Mail.status.in_([SENT, FAILED, SUPPRESSED]), Mail.to_address != "")
    with single_statement() as connection:
        return connection.execute(update(Mail).where(*is_settled).values(to_address="", context={}, last_error=None)).rowcount


def back_off(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts; spread, so that mails that failed together do not come back together."""
    delay = min(FIRST_DELAY * 2 ** (attempts - 1), MAX_DELAY)
    # Not for secrets.
    return dt.timedelta(seconds=delay * random.uniform(0.75, 1.25))  # noqa: S311 - spread, and no secret


def _update_leased(mail: Mail, **values: Any) -> None:
    held = {"held_id": mail.id, "held_until": mail.lease_until}
    with single_statement() as connection:
        settled = connection.execute(_leased_update(*sorted(values)), held | values).rowcount
    if not settled:
        log.warning("Mail %s: the lease ran out and somebody else has it; this worker's result is dropped: %s", mail.id, values)
    elif values["status"] in {SENT, FAILED, SUPPRESSED}:
        metrics.count_mail(values["status"])


@cache
def _leased_update(*names: str) -> Update:
    """Writes these columns, if the mail is still the caller's. Made once: that takes as long as running it."""
    is_held = (Mail.id == bindparam("held_id"), Mail.status == SENDING, Mail.lease_until == bindparam("held_until"))
    return update(Mail).where(*is_held).values(lease_until=None, **{name: bindparam(name) for name in names})
