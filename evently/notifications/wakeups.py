"""Wake-ups: messages that make a worker look into the outbox.

The mails are rows already, so a wake-up may be lost or doubled without harm; the sweep finds what a lost one left.
Each is sent with a delay, and whatever is written until it is due shares it.
"""

import threading
import time

from evently.celery_app import publish
from evently.notifications.tasks import deliver

# seconds; a message costs as much as ten mails' rows, so those written within this time share one
WINDOW = 0.2
# seconds; longer than the window, so that the worker looks after the last of them is written
DELAY = 0.25

_lock = threading.Lock()
_latest = float("-inf")


def notify_worker() -> None:
    """Have the outbox looked into soon. Never waits for a broker that is away."""
    global _latest  # noqa: PLW0603 - one window per process
    with _lock:
        now = time.monotonic()
        if now - _latest <= WINDOW:
            return
        _latest = now
    publish(deliver, countdown=DELAY)
