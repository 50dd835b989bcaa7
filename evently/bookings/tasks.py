"""Celery tasks of the booking engine, on the queue `bookings`."""

import datetime as dt
import uuid

from celery import shared_task
from flask import current_app

from evently.bookings import allocation, queries
from evently.database import utc_now


@shared_task(name="bookings.allocate_event")  # type: ignore[untyped-decorator] # celery has no types
def allocate_event(event_id: str) -> int:
    """Decide an event's queue; how many bookings were decided."""
    return allocation.drain(uuid.UUID(event_id))


@shared_task(name="bookings.sweep")  # type: ignore[untyped-decorator] # celery has no types
def sweep() -> int:
    """Decide what lost wake-ups left behind; for how many events."""
    older_than = utc_now() - dt.timedelta(seconds=current_app.config["SWEEP_SECONDS"])
    event_ids = queries.list_events_waiting(older_than=older_than)
    for event_id in event_ids:
        allocation.drain(event_id)
    return len(event_ids)
