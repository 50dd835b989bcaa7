"""The API tells that an e-mail address has an account already. This limit keeps lists of addresses from being tried.

Pages do not tell it. The limit counts refusals only, so it stops no client that registers people who are new.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from evently.accounts.models import User
from evently.accounts.services import EmailTaken, notify_owner
from evently.extensions import limiter
from evently.http.networks import network_key
from evently.http.rate_limits import count, items_of, limit_taken_emails, too_many


@contextmanager
def limited_refusals(email: str, user: User | None = None) -> Iterator[None]:
    """Around a service that raises EmailTaken, for a client that may be signed in as `user`. The owner of the address is told.

    Raises TooManyRequests, without calling the service, once the network or the user has been refused too often.
    """
    keys = [network_key(), *([f"user:{user.id}"] if user else [])]
    for key in keys:
        _require_left(key)
    try:
        yield
    except EmailTaken:
        # Of many at once that have passed the check, those that exceed the limit are not told either.
        for key in keys:
            count((limit_taken_emails, key))
        notify_owner(email)
        raise


def _require_left(key: str) -> None:
    if not limiter.enabled:
        return
    for item in items_of(limit_taken_emails):
        counter = item.key_for(limit_taken_emails.scope, key)
        if limiter.storage.get(counter) >= item.amount:
            raise too_many(limiter.storage.get_expiry(counter))
