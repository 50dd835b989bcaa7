"""The shapes of the API: what it reads, and what it answers, in the order in which it says it."""

from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from evently.accounts.services import LENGTHS as PROFILE_LENGTHS
from evently.accounts.services import PASSWORD_LENGTH
from evently.api.fields import Amount, AmountInAddress, Choice, Day, Id, Moment, Text, Whole, WholeInAddress, YesNo
from evently.bookings.models import STATUSES as BOOKING_STATUSES
from evently.events.models import CATEGORIES, DRAFT, PUBLISHED
from evently.events.rules import CURRENCIES, LENGTHS, MAX_CAPACITY, MAX_PRICE

LONGEST_PAGE = 100
SEARCH_LENGTH = validate.Length(max=200, error="Use at most {max} characters.")
PRICES = validate.Range(min=Decimal(0), max=MAX_PRICE, error=f"Choose 0 to {MAX_PRICE:,}, with at most two decimals.")


class Shape(Schema):
    error_messages = {"type": "Send a JSON object."}  # noqa: RUF012 - marshmallow reads it from the class

    class Meta:
        unknown = EXCLUDE


# What it reads: bodies. They say what is what; lengths, choices and ranges are documented here and judged by the services,
# whose messages name everything that is wrong at once.


def text(longest: int | None = None, choices: tuple[str, ...] = (), **kwargs: Any) -> Text:
    known = {"maxLength": longest, "enum": list(choices)}
    return Text(metadata={name: value for name, value in known.items() if value} | kwargs.pop("metadata", {}), **kwargs)


class Registration(Shape):
    username = text(150, required=True)
    email = text(254, required=True)
    password = text(PASSWORD_LENGTH.stop - 1, required=True, metadata={"minLength": PASSWORD_LENGTH.start})
    first_name = text(PROFILE_LENGTHS["first_name"])
    last_name = text(PROFILE_LENGTHS["last_name"])
    phone_number = text(PROFILE_LENGTHS["phone_number"])
    address = text(PROFILE_LENGTHS["address"])


class ProfileChanges(Registration):
    class Meta(Shape.Meta):
        exclude = ("username", "password")

    email = text(254)


class Credentials(Shape):
    username = text(required=True, metadata={"description": "Username or e-mail address."})
    password = text(required=True)


class EventChanges(Shape):
    name = text(LENGTHS["name"])
    venue = text(LENGTHS["venue"])
    time = Moment()
    capacity = Whole(most=MAX_CAPACITY)
    description = text(LENGTHS["description"], metadata={"description": "Markdown."})
    price_per_ticket = Amount(metadata={"minimum": 0, "maximum": MAX_PRICE, "description": "At most two decimals."})
    summary = text(LENGTHS["summary"])
    category = text(choices=CATEGORIES)
    website = text(LENGTHS["website"])
    ends_at = Moment(allow_none=True)
    timezone = text(metadata={"description": "IANA name, such as Europe/Berlin; pages show the event's times in it."})
    currency = text(choices=CURRENCIES)
    sales_start = Moment(allow_none=True)
    sales_end = Moment(allow_none=True)
    max_tickets_per_booking = Whole(most=MAX_CAPACITY, allow_none=True)
    max_tickets_per_user = Whole(most=MAX_CAPACITY, allow_none=True)
    cancellation_deadline = Moment(allow_none=True)
    status = text(choices=(DRAFT, PUBLISHED))


class NewEvent(EventChanges):
    name = text(LENGTHS["name"], required=True)
    venue = text(LENGTHS["venue"], required=True)
    time = Moment(required=True)
    capacity = Whole(most=MAX_CAPACITY, required=True)


class NewBooking(Shape):
    user_id = Whole(metadata={"description": "Yourself unless given; only staff book for others."})
    event_id = Id(required=True)
    number_of_tickets = Whole(most=MAX_CAPACITY, required=True)


# What it reads: queries


class Paging(Shape):
    page = WholeInAddress(most=999_999_999, load_default=1)
    page_size = WholeInAddress(most=LONGEST_PAGE, load_default=10)


class Days(Shape):
    date_from = Day(metadata={"description": "First day, in the site's time zone."})
    date_to = Day(metadata={"description": "Last day, included."})


class PublicEventSearch(Paging, Days):
    search = Text(load_default="", validate=SEARCH_LENGTH, metadata={"description": "In name, venue and description."})
    venue = Text(load_default="", validate=SEARCH_LENGTH)
    min_price = AmountInAddress(validate=PRICES)
    max_price = AmountInAddress(validate=PRICES)
    available_only = YesNo(load_default=False)
    upcoming_only = YesNo(load_default=True)
    ordering = Choice("time", "-time", "created_at", "-created_at", "price_per_ticket", "-price_per_ticket", load_default="time")


class ManagedEventSearch(Paging, Days):
    search = Text(load_default="", validate=SEARCH_LENGTH, metadata={"description": "In name and venue."})
    venue = Text(load_default="", validate=SEARCH_LENGTH)
    status = Choice("upcoming", "past")
    is_active = YesNo(metadata={"description": "Whether the event is published."})
    ordering = Choice("time", "-time", "created_at", "-created_at", "capacity", "-capacity", load_default="time")


class BookingSearch(Paging, Days):
    status = Choice(*BOOKING_STATUSES)


# What it answers


class FailureDetails(Shape):
    code = Text(required=True, metadata={"description": "Stable, for programs."})
    fields_ = fields.Dict(keys=Text(), values=fields.List(Text()), data_key="fields", metadata={"description": "Messages by input."})


class Failure(Shape):
    error = Text(required=True, metadata={"description": "A sentence for people."})
    details = fields.Nested(FailureDetails, required=True)


class Registered(Shape):
    id = Whole()
    username = Text()
    email = Text()
    token = Text()


class LoggedIn(Shape):
    token = Text()


class LoggedOut(Shape):
    status = Text()


class Profile(Shape):
    id = Whole()
    username = Text()
    email = Text()
    first_name = Text()
    last_name = Text()
    phone_number = Text()
    address = Text()
    is_staff = fields.Boolean()
    is_superuser = fields.Boolean()


class SavedEvent(Shape):
    event_id = Id(attribute="id")
    name = Text()
    venue = Text()
    time = Moment()
    capacity = Whole()


class ManagedEvent(Shape):
    id = Id()
    name = Text()
    venue = Text()
    time = Moment()
    capacity = Whole()
    available_tickets = Whole(least=0)
    price_per_ticket = Amount()
    organizer = Text(attribute="organizer.username")
    is_active = fields.Boolean()
    created_at = Moment()


class Organizer(Shape):
    id = Whole()
    username = Text()
    email = Text()


class ManagedEventDetails(Shape):
    id = Id()
    name = Text()
    venue = Text()
    time = Moment()
    capacity = Whole()
    description = Text()
    price_per_ticket = Amount()
    organizer = fields.Nested(Organizer)
    is_active = fields.Boolean()
    available_tickets = Whole(least=0)
    total_bookings = Whole(least=0, metadata={"description": "Bookings confirmed now."})
    utilization_percentage = fields.Float()
    created_at = Moment()
    updated_at = Moment()


class PublicEvent(Shape):
    id = Id()
    name = Text()
    venue = Text()
    time = Moment()
    capacity = Whole()
    available_tickets = Whole(least=0)
    price_per_ticket = Amount()
    description = Text()
    organizer = Text(attribute="organizer.username")


class Availability(Shape):
    event_id = Id()
    available_tickets = Whole(least=0)
    exact = fields.Boolean()


class BookedEvent(Shape):
    id = Id()
    name = Text()


class BookedEventInHistory(BookedEvent):
    venue = Text()
    time = Moment()


class BookingHolder(Shape):
    id = Whole()
    username = Text()


class Booking(Shape):
    id = Id()
    event = fields.Nested(BookedEvent)
    user = fields.Nested(BookingHolder)
    ticket_count = Whole()
    total_amount = Amount()
    booking_date = Moment()
    status = Choice(*BOOKING_STATUSES)
    task_id = Text(allow_none=True)


class TimelineStep(Shape):
    step = Choice("received", "confirmed", "failed", "cancelled")
    time = Moment()
    reason = Text(metadata={"description": "Why a booking failed: a stable code, such as sold_out."})


class BookingDetails(Booking):
    position = Whole(allow_none=True, metadata={"description": "Place in line, 1 for the next to be decided; null once decided."})
    timeline = fields.List(fields.Nested(TimelineStep))


class BookingInHistory(Shape):
    id = Id()
    event = fields.Nested(BookedEventInHistory)
    ticket_count = Whole()
    total_amount = Amount()
    booking_date = Moment()
    status = Choice(*BOOKING_STATUSES)


class CancelledBooking(Shape):
    booking_id = Id(attribute="id")
    status = Choice("cancelled")


def page_of(item: type[Schema]) -> Any:
    """The schema of one page of a list."""
    return Shape.from_dict(
        {
            "count": Whole(least=0, metadata={"description": "Items on all pages."}),
            "next": Text(allow_none=True, metadata={"format": "uri"}),
            "previous": Text(allow_none=True, metadata={"format": "uri"}),
            "results": fields.List(fields.Nested(item)),
        },
        name=f"{item.__name__}Page",
    )
