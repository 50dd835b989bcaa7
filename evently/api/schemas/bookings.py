"""Bookings."""

from marshmallow import fields

from evently.api.fields import Amount, Choice, DateTime, Id, Integer, Text
from evently.api.schemas.base import PRICES, SEARCH_LENGTH, Days, Paging, RequestSchema, ResponseSchema
from evently.bookings.attendees import STATES
from evently.bookings.models import STATUSES
from evently.events.validation import MAX_CAPACITY

# By their names here; the order of arrival is that of the moments.
ORDERINGS = {"booking_date": "seq", "name": "name", "ticket_count": "tickets", "status": "status"}


HIDDEN = "Null to the event's managers while the attendee of a manual booking does not share the account."


class NewBooking(RequestSchema):
    user_id = Integer(metadata={"description": "Yourself unless given; only staff book for others."})
    event_id = Id(required=True)
    number_of_tickets = Integer(most=MAX_CAPACITY, required=True)
    expected_price = Amount(
        allow_none=True,
        validate=PRICES,
        metadata={
            "description": "The price of one ticket that you showed to the buyer; at another one nothing is booked (`price_changed`)."
        },
    )


class BookingSearch(Paging, Days):
    status = Choice(*STATUSES)


class AttendeeSearch(Paging, Days):
    search = Text(
        load_default="",
        validate=SEARCH_LENGTH,
        metadata={"description": "Beginnings of words of a name or an address, or all of a booking's reference or a ticket's code."},
    )
    state = Choice(*STATES, load_default="")
    ordering = Choice(*ORDERINGS, *(f"-{name}" for name in ORDERINGS), load_default="-booking_date")


class BookedEvent(ResponseSchema):
    id = Id()
    name = Text()


class BookedEventInHistory(BookedEvent):
    venue = Text()
    time = DateTime()


class BookingHolder(ResponseSchema):
    id = Integer(allow_none=True, metadata={"description": HIDDEN})
    username = Text(allow_none=True, metadata={"description": HIDDEN})


class Booking(ResponseSchema):
    id = Id()
    event = fields.Nested(BookedEvent)
    user = fields.Nested(BookingHolder)
    ticket_count = Integer()
    total_amount = Amount()
    booking_date = DateTime()
    status = Choice(*STATUSES)
    task_id = Text(allow_none=True)


class TimelineStep(ResponseSchema):
    step = Choice("received", "confirmed", "failed", "cancelled")
    time = DateTime()
    reason = Text(metadata={"is_optional": True, "description": "Why a booking failed: a stable code, such as sold_out."})


class BookingDetails(Booking):
    position = Integer(allow_none=True, metadata={"description": "Place in line, 1 for the next to be decided; null once decided."})
    decided_per_second = fields.Float(
        allow_none=True,
        metadata={"description": "How many bookings of the event were decided per second of late, 0 when none was; null once decided."},
    )
    timeline = fields.List(fields.Nested(TimelineStep))
    added_by = Text(allow_none=True, metadata={"description": "Who added it for the attendee; null where they booked themselves."})
    accepted_at = DateTime(
        allow_none=True, metadata={"description": "When the attendee of a manual booking shared the account's contact details."}
    )


class BookingInHistory(ResponseSchema):
    id = Id()
    event = fields.Nested(BookedEventInHistory)
    ticket_count = Integer()
    total_amount = Amount()
    booking_date = DateTime()
    status = Choice(*STATUSES)


class AttendeePerson(BookingHolder):
    id = Integer(attribute="user_id", allow_none=True, metadata={"description": HIDDEN})
    name = Text(metadata={"description": "Of a manual booking: as its organizer entered it."})
    email = Text(metadata={"description": "Of a manual booking: as its organizer entered it."})


class Attendee(ResponseSchema):
    id = Id(attribute="booking.id")
    reference = Text(attribute="booking.reference")
    user = fields.Nested(AttendeePerson, attribute="booking.contact")
    ticket_count = Integer(attribute="booking.ticket_count")
    checked_in = Integer(least=0, attribute="admitted", metadata={"description": "Tickets that have opened the door."})
    total_amount = Amount(attribute="booking.total_amount")
    currency = Text(attribute="booking.currency")
    booking_date = DateTime(attribute="booking.booking_date")
    status = Choice(*STATUSES, attribute="booking.status")


class AcceptedBooking(ResponseSchema):
    booking_id = Id(attribute="id")
    accepted_at = DateTime()


class CancelledBooking(ResponseSchema):
    booking_id = Id(attribute="id")
    status = Choice("cancelled")
