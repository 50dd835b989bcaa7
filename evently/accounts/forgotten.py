"""Asking for a link to a new password, by whoever says they are somebody."""

from evently.accounts import password_reset, tasks
from evently.celery_app import publish


def request_reset(*, login: str) -> None:
    """Have a link sent to whoever has this username or address. Nobody learns here whether there is such a person.

    A worker looks: so this takes as long for an address that nobody has.
    """
    if not publish(tasks.mail_reset_link, args=[login]):
        password_reset.send_reset_email(login)
