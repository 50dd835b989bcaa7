"""How events sell."""

from marshmallow import fields

from evently.api.fields import Day, Id, Text, Whole
from evently.api.schemas.shapes import Answer

CONFIRMED_NOW = {"description": "Bookings, not tickets, that are confirmed now."}


class PopularEvent(Answer):
    event_id = Id()
    name = Text()
    bookings = Whole(least=0, metadata=CONFIRMED_NOW)


class EventUtilization(Answer):
    event_id = Id()
    name = Text()
    utilization_percentage = fields.Float()


class Overview(Answer):
    total_bookings = Whole(least=0, metadata=CONFIRMED_NOW)
    most_popular_events = fields.List(fields.Nested(PopularEvent), metadata={"description": "The ten with the most bookings."})
    capacity_utilization = fields.List(
        fields.Nested(EventUtilization), metadata={"description": "The fullest first; a thousand events at most."}
    )


class DailyBookings(Answer):
    date = Day(metadata={"description": "A day in UTC."})
    bookings = Whole()


class EventReport(Answer):
    event_id = Id()
    total_bookings = Whole(least=0, metadata=CONFIRMED_NOW)
    cancellation_rate = fields.Float(metadata={"description": "Percent cancelled of all bookings that were ever confirmed."})
    daily_bookings = fields.List(
        fields.Nested(DailyBookings), metadata={"description": "By the day of booking; days without any are left out."}
    )
