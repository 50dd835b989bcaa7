"""Accounts for people who are booked for by their e-mail address and have none of their own.

A guest account has no password. Its owner takes it over with the link for a new password, which is sent to the address.
"""

import re
import secrets

from sqlalchemy import ColumnElement, and_, func, select

from evently.accounts.address_locks import lock_name
from evently.accounts.models import User
from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.queries import find_confirmed_user
from evently.database import transaction


def get_or_create_owner(email: str) -> User:
    """The confirmed account of this canonical address, else its guest account; within a transaction.

    Never an account that was registered with the address and not confirmed: anybody could have done that.
    """
    with transaction() as session:
        lock_address(email)
        if owner := find_confirmed_user(email):
            return owner
        guest: User | None = session.scalar(select(User).where(is_guest_of(email)).order_by(User.id).limit(1))
        if guest:
            return guest
        # No name: what a stranger typed is not this person's profile, and mails greet people by it.
        guest = User(username=_username(email), email=email, password_hash=NO_PASSWORD)
        session.add(guest)
        session.flush()
    return guest


def lock_address(email: str) -> None:
    """Wait for other transactions that create or take over guest accounts of this address, and make later ones wait."""
    lock_name(f"guest {email.lower()}")


def is_guest_of(email: str) -> ColumnElement[bool]:
    """The condition for a guest account of this address."""
    has_address = func.lower(User.email) == email.lower()
    return and_(has_address, User.password_hash == NO_PASSWORD, User.email_confirmed_at.is_(None), User.is_active)


def _username(email: str) -> str:
    beginning = re.sub(r"[^a-z0-9]", "", email.partition("@")[0].lower())[:40] or "guest"
    return f"{beginning}-{secrets.token_hex(4)}"
