"""Who has come, for those at the door: counted, the latest first, and whom to expect."""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from sqlalchemy import func, select
from sqlalchemy.orm import lazyload

from evently.accounts.models import User
from evently.bookings.attendees import AttendeeFilters, list_attendees
from evently.bookings.contacts import LISTED_NAME
from evently.bookings.models import CONFIRMED, Admission, Booking
from evently.bookings.ticket_codes import encode_code, spaced
from evently.database import stream_rows, utc_now
from evently.events.models import Event
from evently.events.queries import get_managed_event
from evently.extensions import db
from evently.sorting import sort_key

LATELY = dt.timedelta(minutes=10)
# Lines of "latest scans", and bookings that a search at the door shows.
LATEST, MATCHES = 12, 10


@dataclass(frozen=True)
class Turnout:
    """Tickets of an event that came in, those of the last ten minutes, and all that are sold."""

    inside: int
    lately: int
    expected: int

    @property
    def to_come(self) -> int:
        return max(0, self.expected - self.inside)

    @property
    def percentage(self) -> int:
        """Rounded down: nobody is missing at 100."""
        return min(100, 100 * self.inside // self.expected) if self.expected else 0


@dataclass(frozen=True)
class Come:
    """Seats of a booking that came in, and when the first of them did."""

    seats: int
    since: dt.datetime | None


@dataclass(frozen=True)
class Arrival:
    admission: Admission
    booking: Booking


@dataclass(frozen=True)
class Match:
    """A booking that a search found, and its seats that have not come in."""

    booking: Booking
    missing: Sequence[int]


@dataclass(frozen=True)
class Guest:
    """A line of the printed list."""

    name: str
    code: str
    seat: int
    seats: int
    has_come: bool


def get_turnout(*, by: User, event_id: uuid.UUID) -> Turnout:
    """As it is now. Raises NotFound, NotAllowed."""
    return count_turnout(get_managed_event(by=by, event_id=event_id))


def count_turnout(event: Event) -> Turnout:
    """For callers that know who asks, and have just read the event."""
    counts = (func.count(), func.count().filter(Admission.admitted_at > utc_now() - LATELY))
    inside, lately = db.session.execute(select(*counts).where(Admission.event_id == event.id)).one()
    return Turnout(inside=inside, lately=lately, expected=event.reserved_tickets)


def count_come(booking: Booking) -> Come:
    """For callers that know who asks."""
    query = select(func.count(), func.min(Admission.admitted_at)).where(Admission.booking_seq == booking.seq)
    return Come(*db.session.execute(query).one())


def list_latest(event: Event) -> list[Arrival]:
    """The newest first. For callers that know who asks."""
    query = select(Admission, Booking).join(Booking, Booking.seq == Admission.booking_seq).options(lazyload(Booking.event))
    newest = query.where(Admission.event_id == event.id).order_by(Admission.admitted_at.desc(), Admission.seat.desc()).limit(LATEST)
    return [Arrival(*row) for row in db.session.execute(newest.execution_options(populate_existing=True))]


def search(*, by: User, event_id: uuid.UUID, words: str) -> list[Match]:
    """By name, address or code; the first few. Raises NotFound, NotAllowed."""
    found = list_attendees(by=by, event_id=event_id, filters=AttendeeFilters(search=words), ordering="name", size=MATCHES)
    bookings = [attendee.booking for attendee in found.items]
    query = select(Admission.booking_seq, Admission.seat).where(Admission.booking_seq.in_([booking.seq for booking in bookings]))
    there = {tuple(row) for row in db.session.execute(query)}
    return [Match(booking, [seat for seat in _seats(booking) if (booking.seq, seat) not in there]) for booking in bookings]


def _seats(booking: Booking) -> range:
    return range(1, booking.ticket_count + 1) if booking.status == CONFIRMED else range(0)


def iterate_guests(event: Event) -> Iterator[Guest]:
    """Everybody with a ticket, by name, a few in memory at a time. For callers that know who asks."""
    query = (
        select(LISTED_NAME, Booking.seq, Booking.ticket_count, Admission.seat)
        .join(User, User.id == Booking.user_id)
        .outerjoin(Admission, Admission.booking_seq == Booking.seq)
        .where(Booking.event_id == event.id, Booking.status == CONFIRMED)
        .order_by(sort_key(LISTED_NAME), Booking.seq)
    )
    for (guest, seq, seats), of_booking in itertools.groupby(stream_rows(query), key=itemgetter(0, 1, 2)):
        come = {seat for *_, seat in of_booking}
        for seat in range(1, seats + 1):
            yield Guest(guest, spaced(encode_code(seq, seat)), seat, seats, seat in come)
