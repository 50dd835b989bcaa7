"""How events sell."""

from marshmallow import fields

from evently.api.fields import Day, Id, Integer, Text
from evently.api.schemas.base import ResponseSchema

CONFIRMED_NOW = {"description": "Bookings, not tickets, that are confirmed now."}


class PopularEvent(ResponseSchema):
    event_id = Id()
    name = Text()
    bookings = Integer(least=0, metadata=CONFIRMED_NOW)


class EventUtilization(ResponseSchema):
    event_id = Id()
    name = Text()
    utilization_percentage = fields.Float()


class Overview(ResponseSchema):
    total_bookings = Integer(least=0, metadata=CONFIRMED_NOW)
    most_popular_events = fields.List(fields.Nested(PopularEvent), metadata={"description": "The ten with the most bookings."})
    capacity_utilization = fields.List(
        fields.Nested(EventUtilization), metadata={"description": "The fullest first; a thousand events at most."}
    )


class DailyBookings(ResponseSchema):
    date = Day(metadata={"description": "A day in UTC."})
    bookings = Integer()


class EventReport(ResponseSchema):
    event_id = Id()
    total_bookings = Integer(least=0, metadata=CONFIRMED_NOW)
    cancellation_rate = fields.Float(metadata={"description": "Percent cancelled of all bookings that were ever confirmed."})
    daily_bookings = fields.List(
        fields.Nested(DailyBookings), metadata={"description": "By the day of booking; days without any are left out."}
    )
