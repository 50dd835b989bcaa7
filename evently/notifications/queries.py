"""Reads about mails."""

import uuid

from sqlalchemy import select

from evently.extensions import db
from evently.notifications.models import Mail


def find_decision_mail(booking_id: uuid.UUID) -> Mail | None:
    """The first mail about a booking, which tells how it was decided."""
    return db.session.scalar(select(Mail).where(Mail.booking_id == booking_id).order_by(Mail.id).limit(1))
