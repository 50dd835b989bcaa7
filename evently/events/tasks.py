"""Celery tasks about events, on the queue `default`."""

import logging
import uuid

from celery import shared_task

from evently.celery_app import RETRIES, publish
from evently.events import cover_images, descriptions, import_worker
from evently.extensions import db

log = logging.getLogger(__name__)


# A database that goes away in the middle has undone a batch of rows; the rest is kept, and the file is worked on again.
@shared_task(name="events.work_on_upload", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def run_import_job(upload_id: str) -> None:
    """Try or write the next rows of a file, and call for another turn while some are left."""
    if import_worker.run(uuid.UUID(upload_id)):
        publish(run_import_job, args=[upload_id])


@shared_task(name="events.sweep_uploads")  # type: ignore[untyped-decorator] # celery has no types
def resume_import_jobs() -> int:
    """Go on with files that lost their worker or their wake-up; how many."""
    upload_ids = import_worker.list_unfinished()
    for upload_id in upload_ids:
        try:
            run_import_job(str(upload_id))
        except Exception:
            # Whatever is wrong with this file, the others are not to wait for its sake.
            log.exception("The upload %s could not be worked on", upload_id)
            db.session.remove()
    return len(upload_ids)


@shared_task(name="events.render_description", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def render_description(event_id: str) -> None:
    """Render the description of an event that was written by an earlier release."""
    descriptions.render_stored(uuid.UUID(event_id))


@shared_task(name="events.render_descriptions", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def render_descriptions() -> None:
    """Render descriptions that were stored without HTML."""
    if descriptions.render_missing():
        publish(render_descriptions)


@shared_task(name="events.forget_leftovers", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def purge_import_jobs() -> int:
    """Forget old uploads, and pictures that no event shows; how many."""
    return import_worker.delete_old() + cover_images.delete_orphans()
