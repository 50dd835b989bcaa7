"""What changes about events, by name; see evently/caching.py. Seats are not among it: they are counted."""

import uuid

from sqlalchemy import inspect

from evently.accounts.models import User
from evently.caching import follow
from evently.events.models import Event

# whatever lists are made of
EVENTS = "events"
EVERY_EVENT = "event:*"


def of_event(event_id: uuid.UUID) -> tuple[str, str]:
    """What an answer about one event is made of."""
    return f"event:{event_id}", EVERY_EVENT


def _renaming(user: User) -> list[str]:
    """Events are shown with the name of their organizer."""
    return [EVENTS, EVERY_EVENT] if inspect(user).attrs.username.history.has_changes() else []


follow(Event, lambda event: [EVENTS, f"event:{event.id}"], [EVENTS, EVERY_EVENT])
follow(User, _renaming, [EVENTS, EVERY_EVENT], writes=("update",))
