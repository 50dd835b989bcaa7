"""Celery tasks of accounts, on the queue `default`."""

from celery import shared_task

from evently.accounts import email_changes, password_reset, sessions, tokens
from evently.celery_app import RETRIES


@shared_task(name="accounts.mail_reset_link", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def mail_reset_link(login: str) -> None:
    """Write the mail with the link to a new password, if anybody has this username or address."""
    password_reset.send_reset_email(login)


@shared_task(name="accounts.forget_old_sessions", **RETRIES)  # type: ignore[untyped-decorator] # celery has no types
def delete_expired_sessions() -> int:
    """Delete sessions, API tokens and e-mail changes that have expired; how many."""
    return sessions.delete_expired() + tokens.delete_expired() + email_changes.delete_old()
