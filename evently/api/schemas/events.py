"""Events, as those who manage them write and read them, and as everybody sees them."""

from marshmallow import fields, validate

from evently.api.fields import Amount, Choice, DateTime, Id, Integer, QueryAmount, QueryBoolean, StrictBoolean, Text
from evently.api.schemas.base import PRICES, SEARCH_LENGTH, Days, Paging, RequestSchema, ResponseSchema, text
from evently.events.models import CATEGORIES, DRAFT, PUBLISHED
from evently.events.validation import CURRENCIES, LENGTHS, MAX_CAPACITY, MAX_PRICE
from evently.notifications.messages import LENGTHS as MESSAGE_LENGTHS
from evently.notifications.messages import MAX_SELECTED
from evently.notifications.models import STATUSES


class EventChanges(RequestSchema):
    name = text(LENGTHS["name"])
    venue = text(LENGTHS["venue"])
    time = DateTime()
    capacity = Integer(most=MAX_CAPACITY)
    description = text(LENGTHS["description"], metadata={"description": "Markdown."})
    price_per_ticket = Amount(metadata={"minimum": 0, "maximum": MAX_PRICE, "description": "At most two decimals."})
    summary = text(LENGTHS["summary"])
    category = text(choices=CATEGORIES)
    website = text(LENGTHS["website"])
    ends_at = DateTime(allow_none=True)
    timezone = text(metadata={"description": "IANA name, such as Europe/Berlin; pages show the event's times in it."})
    currency = text(choices=CURRENCIES)
    sales_start = DateTime(allow_none=True)
    sales_end = DateTime(allow_none=True)
    max_tickets_per_booking = Integer(most=MAX_CAPACITY, allow_none=True)
    max_tickets_per_user = Integer(most=MAX_CAPACITY, allow_none=True)
    cancellation_deadline = DateTime(allow_none=True)
    sends_reminders = StrictBoolean(metadata={"description": "Whether people with tickets get a mail the day before; true unless set."})
    status = text(choices=(DRAFT, PUBLISHED))


class NewEvent(EventChanges):
    name = text(LENGTHS["name"], required=True)
    venue = text(LENGTHS["venue"], required=True)
    time = DateTime(required=True)
    capacity = Integer(most=MAX_CAPACITY, required=True)


class PublicEventSearch(Paging, Days):
    search = Text(load_default="", validate=SEARCH_LENGTH, metadata={"description": "In name, venue and description."})
    venue = Text(load_default="", validate=SEARCH_LENGTH)
    min_price = QueryAmount(validate=PRICES)
    max_price = QueryAmount(validate=PRICES)
    available_only = QueryBoolean(load_default=False)
    upcoming_only = QueryBoolean(load_default=True)
    ordering = Choice("time", "-time", "created_at", "-created_at", "price_per_ticket", "-price_per_ticket", load_default="time")


class ManagedEventSearch(Paging, Days):
    search = Text(load_default="", validate=SEARCH_LENGTH, metadata={"description": "In name and venue."})
    venue = Text(load_default="", validate=SEARCH_LENGTH)
    status = Choice("upcoming", "past")
    is_active = QueryBoolean(metadata={"description": "Whether the event is published."})
    ordering = Choice("time", "-time", "created_at", "-created_at", "capacity", "-capacity", load_default="time")


class SavedEvent(ResponseSchema):
    event_id = Id(attribute="id")
    name = Text()
    venue = Text()
    time = DateTime()
    capacity = Integer()


class Cancellation(RequestSchema):
    message = text(LENGTHS["cancellation_note"], load_default="", metadata={"description": "Plain words for the mail about it."})


class CancelledEvent(ResponseSchema):
    event_id = Id(attribute="id")
    status = fields.Constant("cancelled")


class DeletedEvent(ResponseSchema):
    event_id = Id(attribute="id")
    status = fields.Constant("deleted")


class Announcement(RequestSchema):
    message = text(MESSAGE_LENGTHS["body"], required=True)
    subject = text(MESSAGE_LENGTHS["subject"], load_default="", metadata={"description": "About the event unless given."})
    booking_ids = fields.List(
        Id(), validate=validate.Length(1, MAX_SELECTED), metadata={"description": "Only the people of these bookings, in whatever state."}
    )


class Announced(ResponseSchema):
    status = fields.Constant("success")
    message = Text()
    event_id = Id()
    users_notified = Integer(least=0)
    email_tasks_queued = fields.List(Id(), attribute="mail_ids", metadata={"description": "An id for each mail, one per person."})
    users_without_email = Integer(least=0, attribute="without_address")


class Delivery(ResponseSchema):
    id = Id(attribute="mail_id")
    event_id = Id()
    status = text(choices=STATUSES)
    attempts = Integer(least=0)
    last_error = Text(
        attribute="reported_error",
        allow_none=True,
        metadata={"description": "Why it waits for another try, was given up, or is not sent at all."},
    )
    created_at = DateTime()
    tried_at = DateTime(allow_none=True)
    sent_at = DateTime(allow_none=True)


class EventInShort(ResponseSchema):
    """What every answer about an event begins with."""

    id = Id()
    name = Text()
    venue = Text()
    time = DateTime()
    capacity = Integer()


class ManagedEvent(EventInShort):
    available_tickets = Integer(least=0)
    price_per_ticket = Amount()
    organizer = Text(attribute="organizer.username")
    is_active = fields.Boolean()
    created_at = DateTime()


class Organizer(ResponseSchema):
    id = Integer()
    username = Text()
    email = Text()


class ManagedEventDetails(EventInShort):
    description = Text()
    price_per_ticket = Amount()
    organizer = fields.Nested(Organizer)
    is_active = fields.Boolean()
    available_tickets = Integer(least=0)
    total_bookings = Integer(least=0, metadata={"description": "Bookings confirmed now."})
    utilization_percentage = fields.Float()
    created_at = DateTime()
    updated_at = DateTime()


class PublicEvent(EventInShort):
    available_tickets = Integer(least=0)
    price_per_ticket = Amount()
    description = Text()
    organizer = Text(attribute="organizer.username")


class Availability(ResponseSchema):
    event_id = Id()
    available_tickets = Integer(least=0)
    exact = fields.Boolean()
