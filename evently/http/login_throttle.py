"""Slows down the guessing of passwords, by name and network and by name over all networks, and locks no account.

A wrong password counts for the name it was tried for in its network. After FREE_IN_NETWORK of them each further attempt has
to wait, twice as long each time. Attempts from networks where the account has not signed in lately count together as well,
and wait after FREE_IN_ALL: many addresses do not get many guesses. The owner keeps the networks they sign in from, and a
password reset by e-mail adds the one it is done from.

Names are counted as they are typed, whether there is such an account or not, so waits do not tell which accounts exist.
The counters are those of limits.py.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import url_for

from evently.accounts.models import User
from evently.errors import TooManyRequests
from evently.extensions import limiter
from evently.http.networks import network_key
from evently.http.rate_limits import too_many

# Wrong passwords before attempts have to wait.
FREE_IN_NETWORK, FREE_IN_ALL = 4, 20
# seconds; each wait is twice as long as the one before
FIRST_WAIT, LONGEST_WAIT = 2, 900
# seconds after the first of them in which wrong passwords count
MEMORY_OF_NETWORK, MEMORY_OF_ALL = 6 * 3600, 24 * 3600
# seconds for which an account knows a network after a sign-in
NETWORK_IS_KNOWN = 90 * 24 * 3600


@dataclass(frozen=True)
class Guesses:
    """Wrong passwords that are counted together, and the wait that follows from them."""

    scope: str
    free: int
    memory: int
    message: str

    def require_turn(self, key: str) -> None:
        """Raises TooManyRequests while the wait of the last wrong password is not over."""
        waiting = self._key("waiting", key)
        if limiter.storage.get(waiting) and (end := limiter.storage.get_expiry(waiting)) > time.time():
            raise _retry_error(end, self.message)

    def count(self, key: str) -> None:
        wrong = limiter.storage.incr(self._key("guesses", key), self.memory)
        if wait := delay_after(wrong, self.free):
            limiter.storage.incr(self._key("waiting", key), wait)

    def forget(self, key: str) -> None:
        limiter.storage.clear(self._key("guesses", key))
        limiter.storage.clear(self._key("waiting", key))

    def take_back(self, key: str) -> None:
        """The last one that was counted was right. Those before still count: they may be another's."""
        limiter.storage.incr(self._key("guesses", key), self.memory, amount=-1)
        limiter.storage.clear(self._key("waiting", key))

    def _key(self, what: str, key: str) -> str:
        return f"{what}:{self.scope}:{key}"


IN_NETWORK = Guesses("network", FREE_IN_NETWORK, MEMORY_OF_NETWORK, "Too many wrong passwords. Wait {wait}, or reset your password.")
IN_ALL = Guesses(
    "all", FREE_IN_ALL, MEMORY_OF_ALL, "Too many failed sign-ins for this account. Wait {wait}, or reset your password by e-mail."
)


@contextmanager
def attempt(login: str) -> Iterator[None]:
    """Around a check of a password that raises an error when it is wrong, and only then.

    Raises TooManyRequests, without the check, while the wait of an earlier attempt is not over.
    """
    if not limiter.enabled:
        yield
        return
    name, here = _digest(login), _digest(login, network_key())
    is_known = bool(limiter.storage.get(f"known:{here}"))
    counted = [(IN_NETWORK, here)] if is_known else [(IN_NETWORK, here), (IN_ALL, name)]
    for guesses, key in counted:
        guesses.require_turn(key)
    # Counted before the check, so that many at once count as many.
    for guesses, key in counted:
        guesses.count(key)
    yield
    IN_NETWORK.forget(here)
    if not is_known:
        IN_ALL.take_back(name)


def know_network(user: User) -> None:
    """This person has just signed in, or proved otherwise to be the owner of the account, from the network of this request."""
    if not limiter.enabled:
        return
    # An address that is not confirmed may be another person's.
    for login in (user.username, *([user.email] if user.email_confirmed_at else [])):
        key = f"known:{_digest(login, network_key())}"
        limiter.storage.clear(key)
        limiter.storage.incr(key, NETWORK_IS_KNOWN)


def delay_after(wrong: int, free: int = FREE_IN_NETWORK) -> int:
    """Seconds after so many wrong passwords."""
    return min(FIRST_WAIT * 2 ** min(wrong - free - 1, 20), LONGEST_WAIT) if wrong > free else 0


def _retry_error(end: float, message: str) -> TooManyRequests:
    error = too_many(end, message)
    error.links = {"password_reset_url": url_for("web.forgot_password", _external=True)}
    return error


def _digest(login: str, network: str = "") -> str:
    return hashlib.sha256(f"{network} {login.strip().lower()}".encode(errors="replace")).hexdigest()
