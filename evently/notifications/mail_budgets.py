"""Budgets: how many e-mails a sender may cause, an organizer's events may send and an address may receive in a time.

The counters are rows of `mail_counters`. They change in the transaction that writes the e-mails, or takes them for sending,
so they are exact with any number of processes, survive a restart, and a rollback takes them back. E-mails about accounts
are counted when they are written; those about bookings and events when they are sent, because deciding bookings
must not wait for it. docs/mail.md lists every way to cause an e-mail with its budget.
"""

import datetime as dt
import hashlib
import hmac
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from flask import current_app
from limits import RateLimitItem, parse_many
from sqlalchemy import Insert, case, delete, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently.database import transaction, utc_now
from evently.errors import TooManyRequests
from evently.notifications.models import ACCOUNT_EXISTS, FROM_ORGANIZERS, RESET_PASSWORD, Mail, MailCounter
from evently.observability import metrics

# Providers that ignore dots before the @.
_IGNORES_DOTS = {"gmail.com", "googlemail.com"}


@dataclass(frozen=True)
class Budget:
    """`setting` names limits such as "5 per hour; 10 per day", all of which count; `fixed` are limits that no setting changes."""

    name: str
    setting: str = ""
    fixed: str = ""

    def counters(self, subject: str) -> list[tuple[RateLimitItem, str]]:
        """Each limit with the key of its counter for this subject."""
        secret = current_app.config["SECRET_KEY"].encode()
        digest = hmac.new(secret, f"{self.name}\n{subject}".encode(), hashlib.sha256).hexdigest()[:32]
        limits = _parsed(self.fixed or current_app.config[self.setting])
        return [(limit, f"{self.name}:{limit.get_expiry()}:{digest}") for limit in limits]


@dataclass(frozen=True)
class Balance:
    """After e-mails were counted: by how many the tightest limit is exceeded, and seconds until every exceeded one begins anew."""

    excess: int
    retry_after: int


@dataclass(frozen=True)
class Delivery:
    """An e-mail that is about to be sent; `is_confirmed`: its recipient has confirmed the address."""

    mail_id: int
    kind: str
    address: str
    is_confirmed: bool

    @classmethod
    def of(cls, mail: Mail) -> Self:
        return cls(mail.id, mail.kind, mail.to_address, mail.is_to_owner)


@dataclass(frozen=True)
class _Counter:
    """`seconds` until its window ends."""

    count: int
    seconds: int


# E-mails that a signed-in person causes to be sent about their own account, and tests to themselves.
SENDER = Budget("sender", "EMAIL_LIMIT_SENDER")
# Manual bookings of one organizer: each sends tickets to an address that the organizer typed.
GUESTS = Budget("guests", "EMAIL_LIMIT_GUESTS")
# Messages, changes and words about a cancelled event: all that goes to everyone who booked events of one organizer.
ORGANIZER = Budget("organizer", "EMAIL_LIMIT_ORGANIZER")
# E-mails about bookings and events to one address.
UNCONFIRMED = Budget("unconfirmed", "EMAIL_LIMIT_UNCONFIRMED")
RECIPIENT = Budget("recipient", "EMAIL_LIMIT_RECIPIENT")


def about_account(kind: str) -> Budget:
    """E-mails of one kind about accounts to one address. By kind, so that reset links do not use up security notices."""
    if kind == ACCOUNT_EXISTS:
        return Budget(kind, fixed="1 per day")
    if kind == RESET_PASSWORD:
        # No limit by day, or another person could keep the owner from a reset link until tomorrow.
        return Budget(kind, fixed="5 per hour")
    return Budget(kind, "EMAIL_LIMIT_ACCOUNT")


def canonical(address: str) -> str:
    """One value for all spellings that reach the same mailbox: without "+tag", and without dots where they are ignored."""
    local, _, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    return f"{local.replace('.', '') if domain in _IGNORES_DOTS else local}@{domain}"


def spend(budget: Budget, subject: str, number: int = 1) -> Balance:
    """Count e-mails against a budget, whether they fit or not; within the transaction that writes them."""
    counters = budget.counters(subject)
    counted = _add([(limit, key, number) for limit, key in counters])
    excess = {key: counted[key].count - limit.amount for limit, key in counters}
    waits = [counted[key].seconds for key, number_over in excess.items() if number_over > 0]
    balance = Balance(max(excess.values()), max(waits, default=0))
    if balance.excess > 0:
        metrics.count_exceeded_budget(budget.name, min(number, balance.excess))
    return balance


def require(budget: Budget, subject: str, message: str, number: int = 1) -> None:
    """As `spend`, where a person waits for the answer. Raises TooManyRequests ("email_limit").

    In the message `{left}` stands for what is left.
    """
    balance = spend(budget, subject, number)
    if balance.excess > 0:
        left = max(0, number - balance.excess)
        error = TooManyRequests(f"{message.format(left=f'{left:,}')} Try again in {_in_words(balance.retry_after)}.", code="email_limit")
        error.retry_after = balance.retry_after
        raise error


def require_organizer(organizer_id: int, people: int, advice: str) -> None:
    """For an e-mail to everyone who booked an event of this organizer. Raises TooManyRequests."""
    if people:
        message = f"This sends {people:,} e-mails, and {{left}} more can be sent today about events of one organizer. {advice}"
        require(ORGANIZER, f"user {organizer_id}", message, people)


def ids_over_budget(deliveries: Sequence[Delivery]) -> set[int]:
    """Count these e-mails, in the order of sending, against the budgets of their recipients; ids of those that do not fit."""
    groups = _by_recipient(deliveries)
    counted = _add([(limit, key, len(ids)) for (budget, who), ids in groups.items() for limit, key in budget.counters(who)])
    excess: set[int] = set()
    for (budget, who), ids in groups.items():
        room = min(limit.amount - (counted[key].count - len(ids)) for limit, key in budget.counters(who))
        if over := ids[max(0, room) :]:
            metrics.count_exceeded_budget(budget.name, len(over))
            excess.update(over)
    return excess


def release(deliveries: Sequence[Delivery]) -> None:
    """Take back what `exceeding` counted, for e-mails that were not tried after all and will be counted again."""
    groups = _by_recipient(deliveries)
    numbers = {key: len(ids) for (budget, who), ids in groups.items() for _, key in budget.counters(who)}
    if not numbers:
        return
    with transaction() as session:
        for key, number in sorted(numbers.items()):
            taken = update(MailCounter).where(MailCounter.key == key, MailCounter.count >= number)
            session.connection().execute(taken.values(count=MailCounter.count - number))


def delete_old_counters() -> int:
    """Delete counters whose window has ended; how many."""
    with transaction() as session:
        return session.connection().execute(delete(MailCounter).where(MailCounter.ends_at <= utc_now())).rowcount


def _by_recipient(deliveries: Sequence[Delivery]) -> dict[tuple[Budget, str], list[int]]:
    """Ids of e-mails by their budget and recipient. Those about accounts were counted when they were written."""
    groups: dict[tuple[Budget, str], list[int]] = defaultdict(list)
    for delivery in deliveries:
        if delivery.kind in FROM_ORGANIZERS and delivery.address:
            groups[RECIPIENT if delivery.is_confirmed else UNCONFIRMED, canonical(delivery.address)].append(delivery.mail_id)
    return groups


def _add(numbers: Sequence[tuple[RateLimitItem, str, int]]) -> dict[str, _Counter]:
    """Add to the counters of these limits and keys, which begin anew when their window has ended; what they are now."""
    if not numbers:
        return {}
    now = utc_now()
    # In one order everywhere, so that two transactions never wait for each other.
    rows = [
        {"key": key, "count": number, "started_at": now, "ends_at": now + dt.timedelta(seconds=limit.get_expiry())}
        for limit, key, number in sorted(numbers, key=lambda each: each[1])
    ]
    with transaction() as session:
        connection = session.connection()
        found = connection.execute(_upsert(connection.dialect.name), rows).all()
    return {key: _Counter(count, max(1, math.ceil((ends_at - now).total_seconds()))) for key, count, ends_at in found}


@cache
def _upsert(database: str) -> Any:
    statement = (sqlite_insert if database == "sqlite" else postgresql_insert)(MailCounter)
    given = statement.excluded
    has_ended = MailCounter.ends_at <= given.started_at
    values = {
        "count": case((has_ended, given.count), else_=MailCounter.count + given.count),
        "started_at": case((has_ended, given.started_at), else_=MailCounter.started_at),
        "ends_at": case((has_ended, given.ends_at), else_=MailCounter.ends_at),
    }
    upsert: Insert = statement.on_conflict_do_update(index_elements=[MailCounter.key], set_=values)
    return upsert.returning(MailCounter.key, MailCounter.count, MailCounter.ends_at)


@cache
def _parsed(limits: str) -> list[RateLimitItem]:
    return parse_many(limits)


def _in_words(seconds: int) -> str:
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = math.ceil(seconds / length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "a minute"
