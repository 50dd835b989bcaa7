"""E-mails of other people, as staff look at them. Every look is written to the audit log."""

import datetime as dt

from sqlalchemy import select

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, can_manage_people
from evently.audit.models import AuditEntry
from evently.audit.services import record
from evently.database import Page, transaction, utc_now
from evently.errors import NotAllowed
from evently.notifications.models import RESET_PASSWORD, Mail
from evently.notifications.queries import get_mail, list_mails

# Looks at the same within this time are one entry: a page and its frame are two requests.
VIEW_WINDOW = dt.timedelta(minutes=10)


def list_captured(*, by: User, page: int = 1) -> Page[Mail]:
    """All e-mails, the newest first. Raises NotAllowed."""
    _require_staff(by)
    _record_view(by, "mail.listed", "", {})
    return list_mails(page=page)


def get_captured(*, by: User, mail_id: int) -> Mail:
    """Raises NotFound, NotAllowed. To be rendered without its signed links, which are for the recipient alone."""
    _require_staff(by)
    mail = get_mail(mail_id)
    if mail.kind == RESET_PASSWORD and not can_manage_people(by):
        raise NotAllowed("Only superusers can read this e-mail.")
    if mail.user_id != by.id:
        _record_view(by, "mail.viewed", str(mail_id), {"kind": (None, mail.kind)})
    return mail


def _require_staff(by: User) -> None:
    if not can_manage_every_event(by):
        raise NotAllowed("Only staff can read these e-mails.")


def _record_view(by: User, action: str, subject_id: str, changes: dict[str, tuple[None, str]]) -> None:
    is_same = (AuditEntry.subject == "mail", AuditEntry.subject_id == subject_id, AuditEntry.action == action)
    is_recent = (AuditEntry.actor_id == by.id, AuditEntry.created_at > utc_now() - VIEW_WINDOW)
    with transaction() as session:
        if session.scalar(select(AuditEntry.id).where(*is_same, *is_recent).limit(1)) is None:
            record(actor_id=by.id, action=action, subject="mail", subject_id=subject_id, changes=changes)
