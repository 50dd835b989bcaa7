"""Celery tasks of the store of keys, on the queue `default`."""

from celery import shared_task

from evently.celery_app import RETRIES
from evently.idempotency import services


@shared_task(name="idempotency.forget_old", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def delete_old_requests() -> int:
    """Forget keys older than a day; how many."""
    return services.delete_old()
