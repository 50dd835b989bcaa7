"""Celery tasks of the booking engine, on the queue `bookings`."""

import logging
import uuid

from celery import shared_task
from sqlalchemy.exc import DBAPIError

from evently.bookings import allocation, queries
from evently.extensions import db
from evently.worker import publish

log = logging.getLogger(__name__)


# A database that goes away in the middle has undone the batch, and those who were woken meanwhile count on this one.
@shared_task(  # type: ignore[untyped-decorator] # celery has no types
    name="bookings.allocate_event", autoretry_for=(DBAPIError,), max_retries=5, retry_backoff=True, retry_backoff_max=5
)
def allocate_event(event_id: str) -> int:
    """Decide an event's queue; how many bookings were decided."""
    return allocation.drain(uuid.UUID(event_id), hand_over=lambda: publish(allocate_event, args=[event_id]))


@shared_task(name="bookings.sweep")  # type: ignore[untyped-decorator] # celery has no types
def sweep() -> int:
    """Decide what lost wake-ups left behind; for how many events.

    It asks for no booking's age: clocks that differ, or are set, would hide some.
    """
    event_ids = queries.list_events_waiting()
    for event_id in event_ids:
        try:
            allocation.decide_waiting(event_id)
        except Exception:
            # Whatever is wrong with this event, the others are not to wait for its sake.
            log.exception("The queue of event %s could not be decided", event_id)
            db.session.remove()
    return len(event_ids)
