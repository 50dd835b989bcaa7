"""What people are told about their accounts; receivers as in services.py."""

import uuid
from typing import Any

from evently.accounts import signals
from evently.accounts.links import RESET_PASSWORD as RESET_LINK
from evently.accounts.models import EmailChange, User
from evently.database import on_commit
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import (
    ACCOUNT_CLOSED,
    ADDRESS_CHANGED,
    CONFIRM_ADDRESS,
    CONFIRM_EMAIL_CHANGE,
    EMAIL_CHANGE_REQUESTED,
    PASSWORD_CHANGED,
    RESET_PASSWORD,
    STAFF_ACCOUNT,
    Mail,
)


@signals.confirmation_wanted.connect
def ask_to_confirm(user: User) -> None:
    _write(CONFIRM_ADDRESS, user)


@signals.staff_account_created.connect
def welcome_to_the_staff(user: User) -> None:
    _write(STAFF_ACCOUNT, user)


@signals.email_change_requested.connect
def ask_to_confirm_change(user: User, *, change: EmailChange) -> None:
    """The new address is asked to confirm; the old one, where it is confirmed, can stop the change."""
    context: dict[str, Any] = {"change_id": change.id, "new_email": change.new_email}
    _write(CONFIRM_EMAIL_CHANGE, user, to_address=change.new_email, context=context)
    if user.email_confirmed_at:
        _write(EMAIL_CHANGE_REQUESTED, user, context=context)


@signals.email_changed.connect
def notify_old_address(user: User, *, change: EmailChange) -> None:
    _write(ADDRESS_CHANGED, user, to_address=change.old_email, context={"change_id": change.id, "new_email": change.new_email})


@signals.password_reset_wanted.connect
def send_way_to_new_password(user: User) -> None:
    _write(RESET_PASSWORD, user, context={"state": RESET_LINK.state(user)})


@signals.password_changed.connect
def tell_of_new_password(user: User) -> None:
    _write(PASSWORD_CHANGED, user)


@signals.account_closing.connect
def say_good_bye(user: User) -> None:
    """The row does not know whom it is for, and forgets the address when it has left; see outbox.py."""
    name = user.first_name or user.username
    _write(ACCOUNT_CLOSED, None, to_address=user.email, context={"name": name})


def _write(kind: str, user: User | None, *, to_address: str = "", context: dict[str, Any] | None = None) -> None:
    to_address = to_address or (user.email if user else "")
    if not to_address:
        return
    delivery_key = f"{kind.replace('_', '-')}:{uuid.uuid4().hex}"
    db.session.add(Mail(delivery_key=delivery_key, kind=kind, to_address=to_address, user_id=user and user.id, context=context or {}))
    db.session.flush()
    on_commit(wakeups.wake)
