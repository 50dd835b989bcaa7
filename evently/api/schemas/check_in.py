"""Who comes in at the door."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from evently.api.fields import Choice, DateTime, Id, Integer, StrictBoolean, Text
from evently.api.schemas.base import RequestSchema, ResponseSchema, text
from evently.api.schemas.bookings import BookedEvent
from evently.bookings.check_ins import ScanOutcome

EITHER = "Send the code of a ticket, or a booking."


class CheckIn(RequestSchema):
    code = text(300, validate=validate.Length(max=300), metadata={"description": "What the QR code says, or the code that people say."})
    booking_id = Id(metadata={"description": "In place of a code: a booking that was looked up."})
    seat = Integer(metadata={"description": "One seat of that booking, from 1; all of them unless given."})
    gate = text(40, validate=validate.Length(max=40), load_default="", metadata={"description": "This door, in your words."})
    anyway = StrictBoolean(load_default=False, metadata={"description": "Let in even before the door opens, or long after the end."})

    @validates_schema
    def check_what_is_meant(self, data: dict[str, Any], **_: Any) -> None:
        if ("code" in data) == ("booking_id" in data):
            raise ValidationError(EITHER, "code")
        if "seat" in data and "booking_id" not in data:
            raise ValidationError("Say of which booking.", "seat")


class Turnout(ResponseSchema):
    inside = Integer(least=0, metadata={"description": "Tickets that came in."})
    expected = Integer(least=0, metadata={"description": "Tickets that are sold."})
    percentage = Integer(least=0)
    last_ten_minutes = Integer(least=0, attribute="lately")


class CheckedIn(ResponseSchema):
    verdict = Choice(*ScanOutcome)
    event = fields.Nested(BookedEvent, allow_none=True, metadata={"description": "What the ticket is for; null where it is unknown."})
    booking_id = Id(allow_none=True)
    holder = Text(allow_none=True, metadata={"description": "A name; null where the event is none of yours."})
    seats = fields.List(Integer(), metadata={"description": "What the verdict is about."})
    door_opens_at = DateTime(allow_none=True, metadata={"description": "Where it is too early, when it will not be."})
    admitted_at = DateTime(allow_none=True, metadata={"description": "Now where it is valid; when it was used already, then."})
    gate = Text(allow_none=True)
    admitted_by = Text(allow_none=True, metadata={"description": "A username."})
    turnout = fields.Nested(Turnout)


class UndoneCheckIn(ResponseSchema):
    booking_id = Id()
    seat = Integer()
    status = Choice("undone")
