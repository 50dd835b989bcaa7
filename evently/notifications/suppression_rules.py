"""Mails that what happened since has made untrue: they are not sent any more."""

import datetime as dt

from evently.bookings.models import CANCELLED, PENDING, PROCESSING
from evently.database import utc_now
from evently.events.models import CANCELLED as CALLED_OFF
from evently.notifications.models import BOOKING_CONFIRMED, BOOKING_RECEIVED, EVENT_CHANGED, EVENT_REMINDER, Mail

# How long before it starts people are reminded of an event.
DAY_BEFORE = dt.timedelta(days=1)
# A reminder may be late, but not a day early.
LEEWAY = DAY_BEFORE / 4


def obsolete_reason(mail: Mail) -> str | None:
    """Why it should not be sent; None when it should."""
    if mail.booking is None or mail.event is None:
        return None
    now, time = utc_now(), mail.event.time
    is_reminder = mail.kind == EVENT_REMINDER
    what_happened = {
        # A late "your seats" must not arrive after "your booking is cancelled".
        "The booking was cancelled": mail.kind in {BOOKING_CONFIRMED, EVENT_REMINDER} and mail.booking.status == CANCELLED,
        "The booking was decided": mail.kind == BOOKING_RECEIVED and mail.booking.status not in {PENDING, PROCESSING},
        "The event was cancelled": mail.kind in {EVENT_CHANGED, EVENT_REMINDER} and mail.event.status == CALLED_OFF,
        "The event began": is_reminder and time <= now,
        "The event was put off": is_reminder and time > now + DAY_BEFORE + LEEWAY,
    }
    return next((f"{what} before this mail could be sent." for what, is_so in what_happened.items() if is_so), None)
