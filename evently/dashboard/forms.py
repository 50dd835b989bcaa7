"""The event editor's form: it checks shape and turns local times into moments; the services check rules."""

import datetime as dt
from typing import Any, cast
from zoneinfo import ZoneInfo

from wtforms import BooleanField, DateTimeLocalField, Field, FileField, HiddenField, SelectField, StringField, TextAreaField, URLField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from evently.dashboard.local_time import NoSuchTime, to_utc, wall_clock
from evently.errors import Busy, Invalid
from evently.events import descriptions, validation
from evently.events.cover_images import MAX_ALT_LENGTH, Picture, is_stored, read_picture, store_picture
from evently.events.models import CATEGORIES, Event
from evently.events.validation import CURRENCIES, EventFields, known_timezones
from evently.http.forms import AmountField, PlainForm, WholeNumberField
from evently.http.request_threads import waiting

MOMENTS = ("time", "ends_at", "sales_start", "sales_end", "cancellation_deadline")
# Zones that are places; the rest (EST5EDT, Etc/GMT+5, …) are there for old software.
CONTINENTS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


WHOLE: dict[str, Any] = {"invalid_value_message": "Enter a whole number, such as 120."}
AMOUNT: dict[str, Any] = {"invalid_value_message": "Enter an amount, such as 12.50."}
# The first format is what browsers take back, the others are what people type where there is no picker.
LOCAL_TIME: dict[str, Any] = {
    "format": ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"],
    "invalid_value_message": "Enter a date and a time, such as 2027-03-28 20:30.",
}


def zone_choices(current: str) -> dict[str, str | dict[str, str]]:
    """Time zones by continent, with UTC first, and `current` even where a list of places has no room for it."""
    choices: dict[str, str | dict[str, str]] = {"UTC": "UTC"}
    places: dict[str, dict[str, str]] = {}
    for name in sorted(known_timezones()):
        continent, _, city = name.partition("/")
        if city and continent in CONTINENTS:
            places.setdefault(continent, {})[name] = city.replace("_", " ").replace("/", ", ")
    if current in known_timezones() and all(current not in names for names in places.values()):
        choices[current] = current
    return choices | places


def plain_lines(text: str | None) -> str:
    """Browsers end the lines of a form with CR LF, everybody else with LF."""
    return (text or "").replace("\r\n", "\n")


class CoverForm(PlainForm):
    """The part of the editor that is about the picture; once it is valid, `picture` is what was uploaded.

    Browsers forget a chosen file when a form comes back, so it is kept here, and the form says which one it was.
    """

    cover = FileField("Cover picture")
    cover_alt = StringField("The picture in words", [Length(max=MAX_ALT_LENGTH, message=f"Use at most {MAX_ALT_LENGTH} characters.")])
    removes_cover = BooleanField("Remove the picture and show the poster")
    kept_cover = HiddenField()
    picture: Picture | None = None
    busy: Busy | None = None

    def validate_cover(self, field: Field) -> None:
        # Without a choice browsers send a file without a name.
        if not getattr(field.data, "filename", ""):
            return
        try:
            with waiting():
                self.picture = read_picture(field.data.stream)
        except Invalid as refusal:
            raise ValidationError(refusal.fields["cover"][0]) from refusal
        except Busy as refusal:
            self.busy = refusal
            raise ValidationError(refusal.message) from refusal

    def keep_cover(self) -> None:
        """For the next time this form is sent."""
        if self.picture:
            self.kept_cover.data = store_picture(self.picture)
        elif self.kept_cover.data and not is_stored(self.kept_cover.data):
            self.kept_cover.data = ""


class EventForm(CoverForm):
    """Every field is named as in EventFields. Choices are left to the service, which names what it takes."""

    name = StringField("Name", [DataRequired("Give the event a name.")])
    summary = StringField("In one sentence")
    category = SelectField("Category", choices={name: name.capitalize() for name in CATEGORIES}, validate_choice=False)
    website = URLField("Website")
    description = TextAreaField("Description", filters=[plain_lines])
    venue = StringField("Venue", [DataRequired("Say where it takes place.")])
    time = DateTimeLocalField("Starts", [InputRequired("Say when it starts.")], **LOCAL_TIME)
    ends_at = DateTimeLocalField("Ends", [Optional()], **LOCAL_TIME)
    timezone = SelectField("Time zone", validate_choice=False)
    capacity = WholeNumberField("Seats", [InputRequired("Say how many seats there are.")], **WHOLE)
    price_per_ticket = AmountField("Price a ticket", [InputRequired("Enter a price; 0 is free.")], **AMOUNT)
    currency = SelectField("Currency", choices={name: name for name in CURRENCIES}, validate_choice=False)
    sales_start = DateTimeLocalField("Sales begin", [Optional()], **LOCAL_TIME)
    sales_end = DateTimeLocalField("Sales end", [Optional()], **LOCAL_TIME)
    max_tickets_per_booking = WholeNumberField("Most tickets in one booking", [Optional()], **WHOLE)
    max_tickets_per_user = WholeNumberField("Most tickets a person", [Optional()], **WHOLE)
    cancellation_deadline = DateTimeLocalField("Bookings can be cancelled until", [Optional()], **LOCAL_TIME)
    sends_reminders = BooleanField("Remind people by mail the day before", default=True)
    # Of the event that the form was filled from: whoever saved meanwhile made another one.
    version = HiddenField()

    def __init__(self, formdata: Any, *, event: Event | None = None, **defaults: Any) -> None:
        self.stored = {name: getattr(event, name) for name in MOMENTS} if event else {}
        values = {name: getattr(event, name) for name in EventFields.__annotations__} if event else defaults
        if event:
            values |= {"cover_alt": event.cover_alt, "version": event.updated_at.isoformat()}
            values |= {name: wall_clock(moment, event.zone) for name, moment in self.stored.items() if moment}
        super().__init__(formdata, data=values)
        self.timezone.choices = zone_choices(self.timezone.data or "UTC")
        self.moments: dict[str, dt.datetime | None] = {}

    def validate(self, extra_validators: Any = None) -> bool:
        is_sound = super().validate(extra_validators)
        # With a zone that does not exist the times mean nothing; the service will say so.
        zone = ZoneInfo(self.timezone.data if self.timezone.data in known_timezones() else "UTC")
        for name in MOMENTS:
            is_sound = self._understand(name, self._fields[name], zone) and is_sound
        if not is_sound:
            self._name_broken_rules()
        return is_sound

    def _understand(self, name: str, field: Field, zone: ZoneInfo) -> bool:
        """Whether the field's local time is one; it is then in `moments`."""
        stored = self.stored.get(name)
        # What was not touched stays the same to the second, and the second of two equal hours stays the second.
        if stored and field.data and wall_clock(stored, zone).replace(second=0, microsecond=0) == field.data:
            self.moments[name] = stored
            return True
        try:
            self.moments[name] = to_utc(field.data, zone) if field.data else None
        except NoSuchTime as error:
            field.errors = [*field.errors, str(error)]
            return False
        return True

    def _name_broken_rules(self) -> None:
        """What the service would find in the other fields, so that everything is said at once."""
        sound = {name: value for name, value in self.fields().items() if value is not None and not self._fields[name].errors}
        found = validation.validate(sound, allow_past=bool(self.stored))
        if "description" not in found and (problem := descriptions.render(self.description.data or "").problem):
            found["description"] = [problem]
        for name, messages in found.items():
            self._fields[name].errors = messages

    def fields(self) -> EventFields:
        """What the service takes; valid forms only."""
        return cast("EventFields", {name: self.data[name] for name in self.data.keys() & EventFields.__annotations__.keys()} | self.moments)
