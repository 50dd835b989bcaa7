"""Celery tasks of the outbox, on the queue `mail`."""

from celery import shared_task

from evently.notifications import delivery


@shared_task(name="notifications.deliver")  # type: ignore[untyped-decorator] # celery has no types
def deliver() -> int:
    """Send what waits in the outbox; how many mails left. Both the wake-up and the sweep, which beat sends."""
    return delivery.deliver()
