"""Celery tasks of the store of keys, on the queue `default`."""

from celery import shared_task

from evently.idempotency import services
from evently.worker import RETRIES


@shared_task(name="idempotency.forget_old", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def forget_old() -> int:
    """Forget keys older than a day; how many."""
    return services.forget_old()
