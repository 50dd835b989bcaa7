"""What a person's roles allow, before any particular event or booking is looked at."""

from evently.accounts.models import User
from evently.errors import NotAllowed


def can_organize(user: User) -> bool:
    """May create events: organizers, staff and superusers."""
    return user.is_active and (user.is_organizer or user.is_staff or user.is_superuser)


def can_manage_every_event(user: User) -> bool:
    return user.is_active and (user.is_staff or user.is_superuser)


def can_manage_people(user: User) -> bool:
    return user.is_active and user.is_superuser


def require_organizer(user: User) -> None:
    """Raises NotAllowed unless this person may create events."""
    if not can_organize(user):
        raise NotAllowed("Only organizers can do this.", code="not_an_organizer")


def require_people_manager(user: User) -> None:
    """Raises NotAllowed unless this person is a superuser."""
    if not can_manage_people(user):
        raise NotAllowed("Only superusers can do this.", code="not_a_superuser")
