"""What changes about events, by name; see evently/tagged_cache.py. Seats are not among it: they are counted."""

import uuid

from sqlalchemy import inspect

from evently.accounts.models import User
from evently.events.models import Event
from evently.tagged_cache import invalidate_on_write

# whatever lists are made of
EVENTS = "events"
ALL_EVENTS = "event:*"


def event_tag(event_id: uuid.UUID) -> tuple[str, str]:
    """What an answer about one event is made of."""
    return f"event:{event_id}", ALL_EVENTS


def _renaming(user: User) -> list[str]:
    """Events are shown with the name of their organizer."""
    return [EVENTS, ALL_EVENTS] if inspect(user).attrs.username.history.has_changes() else []


invalidate_on_write(Event, lambda event: [EVENTS, f"event:{event.id}"], [EVENTS, ALL_EVENTS])
invalidate_on_write(User, _renaming, [EVENTS, ALL_EVENTS], writes=("update",))
