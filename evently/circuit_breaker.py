"""One breaker for all that is asked of the broker's server: tasks are sent there and booking locks live there.

A server that hangs costs whoever asks it the timeout. So the first who gets no answer tells the others in this
process, and for a moment nobody asks; then one request tries again, for all.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)
# seconds in which nobody asks a server that has just failed
OPEN_SECONDS = 2.0
_lock = threading.Lock()
_open_until = 0.0


def call_broker(question: Callable[[], Answer]) -> Answer | None:
    """The answer to this; None when the server is away, at once if it was so a moment ago."""
    if _is_open():
        return None
    try:
        answer = question()
    except (OperationalError, OSError, RedisError) as error:
        _record_failure(away_until=time.monotonic() + OPEN_SECONDS)
        log.warning("The broker is unreachable, tasks wait for the sweep: %s", error)
        return None
    if _open_until:
        _record_failure(away_until=0.0)
    return answer


def _is_open() -> bool:
    global _open_until  # noqa: PLW0603 - one breaker per process
    with _lock:
        now = time.monotonic()
        if now < _open_until:
            return True
        if _open_until:
            # Time for another try: by this request, while the others go on without.
            _open_until = now + OPEN_SECONDS
        return False


def _record_failure(*, away_until: float) -> None:
    global _open_until  # noqa: PLW0603 - one breaker per process
    with _lock:
        _open_until = away_until
