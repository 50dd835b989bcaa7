"""Bookings."""

from marshmallow import fields

from evently.api.fields import Amount, Choice, Id, Moment, Text, Whole
from evently.api.schemas.shapes import Answer, Days, Paging, Shape
from evently.bookings.models import STATUSES
from evently.events.rules import MAX_CAPACITY


class NewBooking(Shape):
    user_id = Whole(metadata={"description": "Yourself unless given; only staff book for others."})
    event_id = Id(required=True)
    number_of_tickets = Whole(most=MAX_CAPACITY, required=True)


class BookingSearch(Paging, Days):
    status = Choice(*STATUSES)


class BookedEvent(Answer):
    id = Id()
    name = Text()


class BookedEventInHistory(BookedEvent):
    venue = Text()
    time = Moment()


class BookingHolder(Answer):
    id = Whole()
    username = Text()


class Booking(Answer):
    id = Id()
    event = fields.Nested(BookedEvent)
    user = fields.Nested(BookingHolder)
    ticket_count = Whole()
    total_amount = Amount()
    booking_date = Moment()
    status = Choice(*STATUSES)
    task_id = Text(allow_none=True)


class TimelineStep(Answer):
    step = Choice("received", "confirmed", "failed", "cancelled")
    time = Moment()
    reason = Text(metadata={"is_optional": True, "description": "Why a booking failed: a stable code, such as sold_out."})


class BookingDetails(Booking):
    position = Whole(allow_none=True, metadata={"description": "Place in line, 1 for the next to be decided; null once decided."})
    timeline = fields.List(fields.Nested(TimelineStep))


class BookingInHistory(Answer):
    id = Id()
    event = fields.Nested(BookedEventInHistory)
    ticket_count = Whole()
    total_amount = Amount()
    booking_date = Moment()
    status = Choice(*STATUSES)


class CancelledBooking(Answer):
    booking_id = Id(attribute="id")
    status = Choice("cancelled")
