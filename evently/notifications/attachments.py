"""The files that come with a mail."""

from evently.bookings.ical import booking_entry
from evently.events.ical import calendar_file
from evently.notifications.mime import Attachment
from evently.notifications.models import BOOKING_CONFIRMED, Mail
from evently.notifications.rendering import external_url


def attachments(mail: Mail) -> list[Attachment]:
    """With tickets the event for one's calendar, as it is on the booking's page."""
    if mail.kind != BOOKING_CONFIRMED or mail.booking is None:
        return []
    entry = booking_entry(mail.booking, address=external_url("web.show_booking", booking_id=mail.booking.id))
    content = calendar_file([entry], name=mail.booking.event.name)
    return [Attachment("event.ics", "text/calendar; charset=utf-8; method=PUBLISH", content)]
