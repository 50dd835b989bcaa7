"""Tokens that were used a moment ago, and whose they are.

A token is one person's for ever, so whose it is may be remembered. Whether it still works may not: whoever acts on what
is remembered asks so in the same statement (`still_works`).
"""

import time

from sqlalchemy import BindParameter, ColumnElement, select

from evently.accounts.models import ApiToken, User
from evently.accounts.queries import token_sha256
from evently.database import detached

# seconds, and how many
LIFETIME, MOST = 60.0, 10_000

_remembered: dict[str, tuple[float, ApiToken]] = {}


def recall(token: str) -> ApiToken | None:
    """The key with its user as they were at most a minute ago, to be read only."""
    until, found = _remembered.get(token_sha256(token), (0.0, None))
    return found if time.monotonic() < until else None


def remember(key: ApiToken) -> None:
    if len(_remembered) >= MOST:
        # Rare, and cheaper than to keep order: those in use are back at their next request.
        _remembered.clear()
    copy = detached(key, user=detached(key.user))
    _remembered[key.token_sha256] = time.monotonic() + LIFETIME, copy


def still_works(token_id: BindParameter[int]) -> ColumnElement[bool]:
    """Whether this key is not revoked and its holder not suspended, now."""
    user_id = select(ApiToken.user_id).where(ApiToken.id == token_id).scalar_subquery()
    return select(User.id).where(User.id == user_id, User.is_active).exists()
