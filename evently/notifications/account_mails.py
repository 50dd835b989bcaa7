"""What people are told about their accounts; receivers as in services.py."""

import uuid
from typing import Any

from evently.accounts import signals
from evently.accounts.display_names import greeting_name
from evently.accounts.models import EmailChange, User
from evently.accounts.signed_links import RESET_PASSWORD as RESET_LINK
from evently.database import on_commit
from evently.extensions import db
from evently.notifications import mail_budgets, wakeups
from evently.notifications.mail_budgets import SENDER, about_account
from evently.notifications.models import (
    ACCOUNT_CLOSED,
    ACCOUNT_EXISTS,
    ADDRESS_CHANGED,
    CONFIRM_ADDRESS,
    CONFIRM_EMAIL_CHANGE,
    EMAIL_CHANGE_REQUESTED,
    OVER_LIMIT,
    PASSWORD_CHANGED,
    QUEUED,
    RESET_PASSWORD,
    STAFF_ACCOUNT,
    SUPPRESSED,
    Mail,
)

TOO_MANY_REQUESTS = "You asked for too many e-mails in a short time."


@signals.confirmation_requested.connect
def enqueue_confirmation(user: User, *, is_repeat: bool = False) -> None:
    _write(CONFIRM_ADDRESS, user, sender=_of(user) if is_repeat else "")


@signals.staff_account_created.connect
def enqueue_staff_welcome(user: User) -> None:
    # One budget for all superusers.
    _write(STAFF_ACCOUNT, user, sender="staff accounts")


@signals.email_change_requested.connect
def enqueue_change_confirmation(user: User, *, change: EmailChange) -> None:
    """The new address is asked to confirm; the old one, where it is confirmed, can stop the change.

    Without its notice the change is refused: the owner must hear of every one.
    """
    context: dict[str, Any] = {"change_id": change.id, "new_email": change.new_email}
    _write(CONFIRM_EMAIL_CHANGE, user, to_address=change.new_email, context=context, sender=_of(user))
    if user.email_confirmed_at:
        _write(EMAIL_CHANGE_REQUESTED, user, context=context, sender=_of(user))


@signals.email_changed.connect
def enqueue_old_address_notice(user: User, *, change: EmailChange) -> None:
    _write(ADDRESS_CHANGED, user, to_address=change.old_email, context={"change_id": change.id, "new_email": change.new_email})


@signals.password_reset_requested.connect
def enqueue_reset_link(user: User) -> None:
    _write(RESET_PASSWORD, user, context={"state": RESET_LINK.state(user)})


@signals.registration_attempted.connect
def enqueue_registration_notice(user: User) -> None:
    """Nothing that was typed: another person did that."""
    _write(ACCOUNT_EXISTS, user)


@signals.password_changed.connect
def enqueue_password_notice(user: User) -> None:
    _write(PASSWORD_CHANGED, user)


@signals.account_closing.connect
def enqueue_account_closed(user: User) -> None:
    """The row does not know whom it is for, and forgets the address when it has left; see outbox.py."""
    _write(ACCOUNT_CLOSED, None, to_address=user.email, context={"name": greeting_name(user)})


def _of(user: User) -> str:
    return f"user {user.id}"


def _write(kind: str, user: User | None, *, to_address: str = "", context: dict[str, Any] | None = None, sender: str = "") -> None:
    """Write an e-mail, within the budgets of its recipient and, where a person is waiting for the answer, of its `sender`.

    Raises TooManyRequests if there is a sender. Otherwise nothing tells the caller whether it is sent: the first that
    exceeds a budget is written as suppressed, for the dashboard to show, and further ones are counted only.
    """
    to_address = to_address or (user.email if user else "")
    if not to_address:
        return
    budget, recipient, status = about_account(kind), mail_budgets.canonical(to_address), QUEUED
    if sender:
        mail_budgets.require(SENDER, sender, TOO_MANY_REQUESTS)
        mail_budgets.require(budget, recipient, OVER_LIMIT)
    elif (excess := mail_budgets.spend(budget, recipient).excess) > 0:
        status = SUPPRESSED
        if excess > 1:
            return
    mail = Mail(delivery_key=f"{kind.replace('_', '-')}:{uuid.uuid4().hex}", kind=kind, to_address=to_address, status=status)
    mail.user_id, mail.context, mail.last_error = user and user.id, context or {}, OVER_LIMIT if status == SUPPRESSED else None
    db.session.add(mail)
    db.session.flush()
    on_commit(wakeups.notify_worker)
