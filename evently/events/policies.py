"""Who may do what with an event."""

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.errors import NotAllowed
from evently.events.models import Event


def can_manage_event(user: User, event: Event) -> bool:
    """Its organizer, staff and superusers."""
    return can_manage_every_event(user) or (user.is_active and user.is_organizer and event.organizer_id == user.id)


def require_manager(user: User, event: Event) -> None:
    """Raises NotAllowed unless this person may manage the event."""
    if not can_manage_event(user, event):
        raise NotAllowed("This event belongs to another organizer.", code="not_your_event")
