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
from evently.bookings.models import CONFIRMED, Booking, CheckIn
from evently.bookings.ticket_codes import encode_code, spaced
from evently.collation import sort_key
from evently.database import stream_rows, utc_now
from evently.events.models import Event
from evently.events.queries import get_managed_event
from evently.extensions import db

RECENT_WINDOW = dt.timedelta(minutes=10)
# Lines of "latest scans", and bookings that a search at the door shows.
RECENT_LIMIT, MATCHES = 12, 10


@dataclass(frozen=True)
class CheckInStats:
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
class CheckedInCounts:
    """Seats of a booking that came in, and when the first of them did."""

    seats: int
    since: dt.datetime | None


@dataclass(frozen=True)
class RecentCheckIn:
    admission: CheckIn
    booking: Booking


@dataclass(frozen=True)
class SearchHit:
    """A booking that a search found, and its seats that have not come in."""

    booking: Booking
    missing: Sequence[int]


@dataclass(frozen=True)
class DoorListRow:
    """A line of the printed list."""

    name: str
    code: str
    seat: int
    seats: int
    has_come: bool


def get_check_in_stats(*, by: User, event_id: uuid.UUID) -> CheckInStats:
    """As it is now. Raises NotFound, NotAllowed."""
    return count_check_in_stats(get_managed_event(by=by, event_id=event_id))


def count_check_in_stats(event: Event) -> CheckInStats:
    """For callers that know who asks, and have just read the event."""
    counts = (func.count(), func.count().filter(CheckIn.admitted_at > utc_now() - RECENT_WINDOW))
    inside, lately = db.session.execute(select(*counts).where(CheckIn.event_id == event.id)).one()
    return CheckInStats(inside=inside, lately=lately, expected=event.reserved_tickets)


def count_checked_in(booking: Booking) -> CheckedInCounts:
    """For callers that know who asks."""
    query = select(func.count(), func.min(CheckIn.admitted_at)).where(CheckIn.booking_seq == booking.seq)
    return CheckedInCounts(*db.session.execute(query).one())


def list_recent(event: Event) -> list[RecentCheckIn]:
    """The newest first. For callers that know who asks."""
    query = select(CheckIn, Booking).join(Booking, Booking.seq == CheckIn.booking_seq).options(lazyload(Booking.event))
    newest = query.where(CheckIn.event_id == event.id).order_by(CheckIn.admitted_at.desc(), CheckIn.seat.desc()).limit(RECENT_LIMIT)
    return [RecentCheckIn(*row) for row in db.session.execute(newest.execution_options(populate_existing=True))]


def search(*, by: User, event_id: uuid.UUID, words: str) -> list[SearchHit]:
    """By name, address or code; the first few. Raises NotFound, NotAllowed."""
    found = list_attendees(by=by, event_id=event_id, filters=AttendeeFilters(search=words), ordering="name", size=MATCHES)
    bookings = [attendee.booking for attendee in found.items]
    query = select(CheckIn.booking_seq, CheckIn.seat).where(CheckIn.booking_seq.in_([booking.seq for booking in bookings]))
    there = {tuple(row) for row in db.session.execute(query)}
    return [SearchHit(booking, [seat for seat in _seats(booking) if (booking.seq, seat) not in there]) for booking in bookings]


def _seats(booking: Booking) -> range:
    return range(1, booking.ticket_count + 1) if booking.status == CONFIRMED else range(0)


def iterate_door_list(event: Event) -> Iterator[DoorListRow]:
    """Everybody with a ticket, by name, a few in memory at a time. For callers that know who asks."""
    query = (
        select(LISTED_NAME, Booking.seq, Booking.ticket_count, CheckIn.seat)
        .join(User, User.id == Booking.user_id)
        .outerjoin(CheckIn, CheckIn.booking_seq == Booking.seq)
        .where(Booking.event_id == event.id, Booking.status == CONFIRMED)
        .order_by(sort_key(LISTED_NAME), Booking.seq)
    )
    for (guest, seq, seats), of_booking in itertools.groupby(stream_rows(query), key=itemgetter(0, 1, 2)):
        come = {seat for *_, seat in of_booking}
        for seat in range(1, seats + 1):
            yield DoorListRow(guest, spaced(encode_code(seq, seat)), seat, seats, seat in come)
