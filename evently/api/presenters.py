"""What the schemas write beside what the models know."""

from typing import Any

from evently.accounts.models import User
from evently.bookings.models import CANCELLED, CONFIRMED, FAILED, Booking


class Presenter:
    """A loaded object together with facts that it does not hold itself."""

    def __init__(self, subject: object, **facts: Any) -> None:
        self._subject = subject
        self.__dict__.update(facts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subject, name)


def visible_holder(booking: Booking, by: User) -> User | dict[str, None]:
    """Whose booking it is, as far as this caller may see it."""
    return booking.user if by.id == booking.user_id or booking.is_account_shared else {"id": None, "username": None}


def timeline(booking: Booking) -> list[dict[str, Any]]:
    """What happened to it so far, in order."""
    steps: list[dict[str, Any]] = [{"step": "received", "time": booking.booking_date}]
    if booking.status == FAILED:
        steps.append({"step": FAILED, "time": booking.decided_at, "reason": booking.failure_code})
    elif booking.decided_at:
        steps.append({"step": CONFIRMED, "time": booking.decided_at})
    if booking.status == CANCELLED:
        steps.append({"step": CANCELLED, "time": booking.cancelled_at})
    return steps
