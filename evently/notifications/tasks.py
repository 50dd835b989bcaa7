"""Celery tasks of the outbox, on the queue `mail`."""

from celery import shared_task

from evently.celery_app import RETRIES
from evently.notifications import mail_budgets, mail_worker, outbox


@shared_task(name="notifications.deliver")  # type: ignore[untyped-decorator] # celery has no types
def deliver() -> int:
    """Send what waits in the outbox; how many mails left. Both the wake-up and the sweep, which beat sends."""
    return mail_worker.deliver()


@shared_task(name="notifications.forget_the_gone", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def purge_deleted_accounts() -> int:
    """Forget the addresses of closed accounts; how many."""
    return outbox.purge_deleted_accounts()


@shared_task(name="notifications.delete_old_counters", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def delete_old_counters() -> int:
    """Delete counters of e-mail budgets whose window has ended; how many."""
    return mail_budgets.delete_old_counters()


@shared_task(name="notifications.tell_waiting", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def notify_queued() -> int:
    """Write to who has stood in line for a while; how many."""
    from evently.notifications import services  # noqa: PLC0415 - it wakes, and what wakes knows the tasks above

    return services.enqueue_queue_position_mails()


@shared_task(name="notifications.remind", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def send_reminders() -> int:
    """Write to who has tickets for tomorrow; how many."""
    from evently.notifications import services  # noqa: PLC0415 - as above

    return services.enqueue_reminders()
