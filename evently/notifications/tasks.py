"""Celery tasks of the outbox, on the queue `mail`."""

from celery import shared_task

from evently.notifications import delivery, outbox
from evently.worker import RETRIES


@shared_task(name="notifications.deliver")  # type: ignore[untyped-decorator] # celery has no types
def deliver() -> int:
    """Send what waits in the outbox; how many mails left. Both the wake-up and the sweep, which beat sends."""
    return delivery.deliver()


@shared_task(name="notifications.forget_the_gone", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def forget_the_gone() -> int:
    """Forget the addresses of closed accounts; how many."""
    return outbox.forget_the_gone()
