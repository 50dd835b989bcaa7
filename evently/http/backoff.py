"""Guessing a password takes longer with every guess, for that name from that address alone.

So nobody is locked out of their account by what others try from elsewhere, and nobody for longer than a quarter of an
hour. The counters are kept beside those of the limits (limits.py).
"""

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask_limiter.util import get_remote_address

from evently.errors import TooManyRequests
from evently.extensions import limiter
from evently.http.formatting import counted

# How many wrong guesses are free; the next one costs FIRST_WAIT seconds, each after that twice as many.
FREE_GUESSES, FIRST_WAIT, LONGEST_WAIT = 4, 2, 900
# seconds; wrong guesses are forgotten so long after the first of them
MEMORY = 6 * 3600


@contextmanager
def guess(login: str) -> Iterator[None]:
    """Around whatever raises an error when the password is wrong, and only then.

    Raises TooManyRequests, without a look at the password, while the wait of the last guess is not over.
    """
    if not limiter.enabled:
        yield
        return
    storage = limiter.storage
    whose = hashlib.sha256(f"{get_remote_address()} {login.strip().lower()}".encode(errors="replace")).hexdigest()
    guesses, waiting = f"guesses:{whose}", f"waiting:{whose}"
    left = storage.get_expiry(waiting) - time.time() if storage.get(waiting) else 0
    if left > 0:
        raise _too_soon(left)
    # Counted before the answer is known, so that many at once count as many.
    wrong = storage.incr(guesses, MEMORY)
    if wrong > FREE_GUESSES:
        storage.incr(waiting, wait_after(wrong))
    # Whatever it raises, the guess was wrong.
    yield
    storage.clear(guesses)
    storage.clear(waiting)


def wait_after(wrong: int) -> int:
    """Seconds after so many wrong guesses."""
    return min(FIRST_WAIT * 2 ** min(wrong - FREE_GUESSES - 1, 20), LONGEST_WAIT) if wrong > FREE_GUESSES else 0


def _too_soon(left: float) -> TooManyRequests:
    seconds = math.ceil(left)
    words = counted(seconds, "second") if seconds < 120 else counted(math.ceil(seconds / 60), "minute")
    error = TooManyRequests(f"Too many wrong passwords. Wait {words}, then try again, or ask for a new password.")
    error.retry_after = seconds
    return error
