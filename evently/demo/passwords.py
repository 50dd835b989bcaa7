"""The password of the demo accounts: published for a trial on one machine, replaced before other machines may come."""

import secrets
from collections.abc import Iterator, Mapping
from functools import lru_cache

from evently.accounts.models import User
from evently.accounts.password_reset import change_password
from evently.accounts.passwords import is_correct
from evently.accounts.queries import find_user_by_login
from evently.demo.users import ADMIN, ATTENDEE, ORGANIZER, PASSWORD


def are_published() -> bool:
    """Whether one can sign in to a demo account with the password of the README."""
    return any(True for _ in _published())


def replace_published() -> dict[str, str]:
    """Give those accounts random passwords, which are returned and stored nowhere else; their sessions and tokens end."""
    replaced = {}
    for user in _published():
        replaced[user.username] = password = secrets.token_urlsafe(12)
        change_password(user=user, password=PASSWORD, new_password=password, session="")
    return replaced


def notice(replaced: Mapping[str, str]) -> str:
    """For the operator's terminal; empty where nothing was replaced."""
    if not replaced:
        return ""
    lines = "".join(f"\n    {username:<12}{password}" for username, password in replaced.items())
    return f"\n  Public demo. The demo accounts have new passwords, which are shown only this once:{lines}\n"


def _published() -> Iterator[User]:
    for username in (ADMIN, ORGANIZER, ATTENDEE):
        user = find_user_by_login(username)
        if user and user.is_active and _is_published(user.password_hash):
            yield user


@lru_cache(maxsize=16)
def _is_published(password_hash: str | None) -> bool:
    """Once for each hash: it takes 30 ms, and the sign-in page asks each time."""
    return is_correct(password_hash, PASSWORD)
