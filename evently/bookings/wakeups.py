"""Wake-ups: messages that make an allocator look at an event's queue.

The booking is in the queue already, so a wake-up may be lost, doubled or late without harm; the sweep finds what a
lost one left. One message per booking would cost as much as the whole request, so bookings of one event that come
within a short window share one message, and the allocator lingers for longer than that window.
"""

import logging
import threading
import time
import uuid
from dataclasses import dataclass, field

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from evently.bookings import allocator
from evently.bookings.tasks import allocate_event
from evently.celery_app import publish

log = logging.getLogger(__name__)


@dataclass
class WakeUp:
    """The message that decides some bookings of one event; `task_id` is known before it is sent."""

    event_id: uuid.UUID
    planned_at: float = field(default_factory=time.monotonic)
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent_at: float | None = None


_lock = threading.Lock()
_latest: dict[uuid.UUID, WakeUp] = {}


def plan(event_id: uuid.UUID) -> WakeUp:
    """The wake-up a booking that is about to be written will share, or a new one."""
    window = current_app.config["WAKE_UP_WINDOW_MS"] / 1000
    now = time.monotonic()
    with _lock:
        wake_up = _latest.get(event_id)
        if wake_up is None or now - wake_up.planned_at > window:
            wake_up = _latest[event_id] = WakeUp(event_id)
            _discard_older_than(now - window)
    return wake_up


def send(wake_up: WakeUp) -> None:
    """Send it unless it went out within the window, so that the allocator is still there to see the newest row."""
    window = current_app.config["WAKE_UP_WINDOW_MS"] / 1000
    with _lock:
        now = time.monotonic()
        if wake_up.sent_at is not None and now - wake_up.sent_at <= window:
            return
        wake_up.sent_at = now
    is_sent = publish(allocate_event, args=[str(wake_up.event_id)], task_id=wake_up.task_id)
    if is_sent:
        return
    # Before the queue is read: whoever comes after that must not rely on a message that never went out.
    wake_up.sent_at = None
    if current_app.config["ALLOCATE_INLINE_WITHOUT_BROKER"]:
        try:
            allocator.decide_queued(wake_up.event_id)
        except SQLAlchemyError:
            # The booking stands already; its buyer must not hear of an error that the sweep makes good.
            log.exception("The queue of event %s could not be decided here", wake_up.event_id)


def _discard_older_than(moment: float) -> None:
    for event_id in [key for key, wake_up in _latest.items() if wake_up.planned_at < moment]:
        del _latest[event_id]
