"""Mails that were given up, and that somebody wants to try again."""

from typing import Any

from sqlalchemy import update

from evently.accounts.models import User
from evently.accounts.policies import require_people_manager
from evently.audit.services import record
from evently.database import on_commit, transaction, utc_now
from evently.errors import Conflict
from evently.events.policies import require_manager
from evently.notifications import mail_budgets, wakeups
from evently.notifications.mail_budgets import SENDER, about_account
from evently.notifications.models import FAILED, FROM_ORGANIZERS, OVER_LIMIT, QUEUED, Mail
from evently.notifications.queries import get_mail


def retry_mail(*, by: User, mail_id: int) -> Mail:
    """Send it again, to the address that its reader has now; for superusers, and for those who manage its event.

    Raises NotFound, NotAllowed, Conflict ("mail_not_failed"), TooManyRequests.
    """
    mail = get_mail(mail_id)
    if mail.event is None:
        require_people_manager(by)
    else:
        require_manager(by, mail.event)
    with transaction() as session:
        failed = update(Mail).where(Mail.id == mail_id, Mail.status == FAILED)
        if not session.connection().execute(failed.values(_requeue())).rowcount:
            raise Conflict("This mail has not failed, so there is nothing to try again.", code="mail_not_failed")
        session.refresh(mail)
        if mail.kind not in FROM_ORGANIZERS:
            # The others are counted again when they are sent.
            mail_budgets.require(about_account(mail.kind), mail_budgets.canonical(mail.to_address), OVER_LIMIT)
        _insert_for_new_address(mail)
        record(actor_id=by.id, action="mail.retried", subject="mail", subject_id=mail_id, changes={"status": (FAILED, QUEUED)})
        on_commit(wakeups.notify_worker)
    return mail


def retry_all(*, by: User) -> int:
    """Send every failed mail again; how many. Raises NotAllowed, TooManyRequests."""
    require_people_manager(by)
    with transaction() as session:
        mail_budgets.require(SENDER, f"user {by.id}", "You sent all failed e-mails again too often in a short time.")
        count = session.connection().execute(update(Mail).where(Mail.status == FAILED, Mail.to_address != "").values(_requeue())).rowcount
        if count:
            record(actor_id=by.id, action="mail.retried", subject="mail", subject_id="", changes={"failed": (count, 0)})
        on_commit(wakeups.notify_worker)
    return count


def _requeue() -> dict[str, Any]:
    return {"status": QUEUED, "attempts": 0, "lease_until": None, "not_before": utc_now()}


def _insert_for_new_address(mail: Mail) -> None:
    """Not so with mails about an account: they are about the address itself."""
    if mail.kind in FROM_ORGANIZERS and mail.user and mail.user.email and not mail.user.anonymised_at:
        mail.to_address = mail.user.email
