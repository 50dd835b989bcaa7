"""Reads about mails."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from evently.accounts.models import User
from evently.database import Page, paginate
from evently.errors import NotFound
from evently.extensions import db
from evently.notifications.models import Mail


def find_decision_mail(booking_id: uuid.UUID) -> Mail | None:
    """The first mail about a booking, which tells how it was decided."""
    return db.session.scalar(select(Mail).where(Mail.booking_id == booking_id).order_by(Mail.id).limit(1))


def get_mail(mail_id: int) -> Mail:
    """Raises NotFound."""
    mail = db.session.get(Mail, mail_id)
    if mail is None:
        raise NotFound("There is no such mail.")
    return mail


def list_mails(*, page: int = 1, size: int = 20) -> Page[Mail]:
    """Every mail, the newest first."""
    return paginate(select(Mail).order_by(Mail.id.desc()), number=page, size=size)


def list_mails_to(user: User) -> Sequence[Mail]:
    """Everything that was written to somebody, the oldest first."""
    return db.session.scalars(select(Mail).where(Mail.user_id == user.id).order_by(Mail.id)).all()
