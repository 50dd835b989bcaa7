"""Celery tasks of accounts, on the queue `default`."""

from celery import shared_task

from evently.accounts import email_changes, recovery, sessions, tokens
from evently.worker import RETRIES


@shared_task(name="accounts.mail_reset_link", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def mail_reset_link(login: str) -> None:
    """Write the mail with the link to a new password, if anybody has this username or address."""
    recovery.mail_reset_link(login)


@shared_task(name="accounts.forget_old_sessions", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def forget_old_sessions() -> int:
    """Delete sessions, API tokens and e-mail changes that have expired; how many."""
    return sessions.forget_old() + tokens.delete_expired() + email_changes.delete_old()
