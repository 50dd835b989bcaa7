"""What becomes of the events of people who leave."""

from sqlalchemy import func, select

from evently.accounts.models import User
from evently.accounts.signals import account_closing
from evently.database import utc_now
from evently.errors import Conflict
from evently.events.models import PUBLISHED, Event
from evently.extensions import db


@account_closing.connect
def require_no_upcoming_events(user: User) -> None:
    """An account with upcoming events cannot be closed. Raises Conflict ("has_events_to_come")."""
    to_come = count_upcoming_events(user)
    if to_come:
        noun = "event that is" if to_come == 1 else "events that are"
        message = f"You organize {to_come} {noun} still to come. Cancel or delete first what will not take place."
        raise Conflict(message, code="has_events_to_come")


def count_upcoming_events(user: User) -> int:
    """Published ones that have not begun."""
    is_theirs = (Event.organizer_id == user.id, Event.status == PUBLISHED, Event.time > utc_now(), Event.archived_at.is_(None))
    return db.session.scalar(select(func.count()).select_from(Event).where(*is_theirs)) or 0
