"""What people are told about their accounts; receivers as in services.py."""

import uuid

from evently.accounts import signals
from evently.accounts.links import RESET_PASSWORD as RESET_LINK
from evently.accounts.models import User
from evently.database import on_commit
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import (
    ACCOUNT_CLOSED,
    ADDRESS_CHANGED,
    CONFIRM_ADDRESS,
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


@signals.address_changed.connect
def tell_both_addresses(user: User, *, before: str) -> None:
    """The new one is asked to confirm; the old one hears of it, in case this was somebody else."""
    _write(CONFIRM_ADDRESS, user)
    _write(ADDRESS_CHANGED, user, to_address=before)


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


def _write(kind: str, user: User | None, *, to_address: str = "", context: dict[str, str] | None = None) -> None:
    to_address = to_address or (user.email if user else "")
    if not to_address:
        return
    delivery_key = f"{kind.replace('_', '-')}:{uuid.uuid4().hex}"
    db.session.add(Mail(delivery_key=delivery_key, kind=kind, to_address=to_address, user_id=user and user.id, context=context or {}))
    db.session.flush()
    on_commit(wakeups.wake)
