"""Who may see and change a booking."""

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event
from evently.bookings.models import Booking
from evently.errors import NotAllowed
from evently.events.policies import can_manage_event


def can_see_booking(user: User, booking: Booking) -> bool:
    """Its holder, staff, and whoever manages the event; they may cancel it too."""
    return booking.user_id == user.id or can_manage_event(user, booking.event)


def can_see_bookings_of(user: User, user_id: int) -> bool:
    return user.id == user_id or can_manage_every_event(user)


def require_booker(user: User, user_id: int) -> None:
    """Raises NotAllowed unless this person may book for the one with that id: for oneself, or as staff for anybody."""
    if user.id != user_id and not can_manage_every_event(user):
        raise NotAllowed("You can book only for yourself.", code="not_yourself")
