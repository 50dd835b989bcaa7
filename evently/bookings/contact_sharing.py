"""The attendee of a manual booking decides whether the organizer may see the account's contact details."""

import uuid

from sqlalchemy import select

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotFound


def share_contact(*, user: User, booking_id: uuid.UUID) -> Booking:
    """From now on the event's managers see this account's name, username, e-mail address and telephone number.

    Repeating it changes nothing. Raises NotFound for bookings of other people; Conflict ("not_a_manual_booking").
    """
    with transaction() as session:
        is_own = (Booking.id == booking_id, Booking.user_id == user.id)
        query = select(Booking).where(*is_own).with_for_update(of=Booking, key_share=True)
        booking = session.scalar(query.execution_options(populate_existing=True))
        if booking is None:
            raise NotFound("There is no such booking.")
        if booking.added_by_id is None:
            raise Conflict("You made this booking yourself, so your contact details are shared already.", code="not_a_manual_booking")
        booking.accepted_at = booking.accepted_at or utc_now()
    return booking
