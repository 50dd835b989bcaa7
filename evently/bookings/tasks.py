"""Celery tasks of the booking engine, on the queue `bookings`; what organizers do to many bookings is on `default`."""

import functools
import logging
import uuid

from celery import shared_task

from evently.bookings import allocator, bulk_actions, queries
from evently.bookings.models import BulkAction
from evently.celery_app import RETRIES, publish
from evently.extensions import db

log = logging.getLogger(__name__)
# Bookings that are dealt with while somebody waits.
IMMEDIATELY = 200
# seconds for which they wait at most, but for a portion that was begun
MAX_DELAY = 1.0


# A database that goes away in the middle has undone the batch, and those who were woken meanwhile count on this one.
@shared_task(name="bookings.allocate_event", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def allocate_event(event_id: str, linger: float | None = None) -> int:
    """Decide an event's queue; how many bookings were decided."""
    another, later = functools.partial(_start_another, event_id), functools.partial(_check_again, event_id)
    return allocator.process_queue(uuid.UUID(event_id), linger=linger, hand_over=another, come_back=later)


def _start_another(event_id: str) -> bool:
    return publish(allocate_event, args=[event_id])


def _check_again(event_id: str, seconds: float) -> bool:
    """Once, without staying: by then all have come who counted on the wake-up that was answered now."""
    return publish(allocate_event, args=[event_id, 0.0], countdown=seconds)


@shared_task(name="bookings.sweep")  # type: ignore[untyped-decorator] # celery has no types
def sweep() -> int:
    """Decide what lost wake-ups left behind; for how many events.

    It asks for no booking's age: clocks that differ, or are set, would hide some.
    """
    event_ids = queries.list_events_with_queue()
    for event_id in event_ids:
        try:
            # By turns, like any other: where somebody holds an event's lock for ever, only one thread waits for it.
            allocator.process_queue(event_id, linger=0.0, hand_over=functools.partial(_start_another, str(event_id)))
        except Exception:
            # Whatever is wrong with this event, the others are not to wait for its sake.
            log.exception("The queue of event %s could not be decided", event_id)
            db.session.remove()
    return len(event_ids)


def start_unfinished(action: BulkAction) -> None:
    """Carry it out: elsewhere, or here if it is short. Where nobody can be sent word, a beginning is made here and the sweep goes on.

    Not within a transaction.
    """
    if action.total <= IMMEDIATELY or not publish(run_bulk_action, args=[str(action.id)]):
        bulk_actions.run(action.id, turn=MAX_DELAY)


@shared_task(name="attendees.carry_out", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def run_bulk_action(action_id: str) -> None:
    """Do to many bookings what an organizer wants done, and call for another turn while some is left."""
    if bulk_actions.run(uuid.UUID(action_id)):
        publish(run_bulk_action, args=[action_id])


@shared_task(name="attendees.sweep")  # type: ignore[untyped-decorator] # celery has no types
def requeue() -> int:
    """Go on with what a lost message, or a worker that died, left unfinished; how many actions."""
    actions = bulk_actions.list_unfinished()
    for action_id in actions:
        try:
            run_bulk_action(str(action_id))
        except Exception:
            # Whatever is wrong with this one, the others are not to wait for its sake.
            log.exception("The bulk action %s could not go on", action_id)
            db.session.remove()
    return len(actions)
