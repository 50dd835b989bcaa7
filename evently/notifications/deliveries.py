"""What became of one message, in numbers."""

import uuid

from sqlalchemy import func, select

from evently.accounts.models import User
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.queries import SentMessage, get_message


def describe_message(*, by: User, message_id: uuid.UUID) -> SentMessage:
    """Raises NotFound, NotAllowed."""
    sent = SentMessage(get_message(by=by, message_id=message_id))
    counts = select(Mail.status, func.count()).where(Mail.message_id == message_id).group_by(Mail.status)
    for status, count in db.session.execute(counts):
        sent.states[status] = count
    return sent
