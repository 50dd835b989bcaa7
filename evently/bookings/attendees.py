"""Who has booked an event, for those who manage it: found, sorted, counted; quick where a hundred thousand have."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, select
from sqlalchemy.orm import lazyload

from evently.accounts.models import User
from evently.bookings import contacts
from evently.bookings.contacts import find_contacts
from evently.bookings.models import CANCELLED, CODE_ALPHABET, CONFIRMED, FAILED, PENDING, PROCESSING, STATUSES, Booking, CheckIn
from evently.bookings.queries import AudienceCount
from evently.bookings.ticket_codes import decode_code
from evently.collation import sort_key
from evently.database import Page
from evently.errors import NotFound
from evently.events.queries import get_managed_event
from evently.extensions import db

# In the words of an address. One that has come in is confirmed too.
STATES = ("confirmed", "checked_in", "not_checked_in", "waiting", "failed", "cancelled")
QUEUED = (PENDING, PROCESSING)
# Each goes on with the order of arrival.
ORDERINGS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "seq": (),
    "name": (sort_key(contacts.NAME),),
    "tickets": (Booking.ticket_count.expression,),
    "status": (Booking.status.expression,),
}


@dataclass(frozen=True, kw_only=True)
class AttendeeFilters:
    """Which of an event's bookings; every field narrows. `date_to` is exclusive.

    `search`: words of a name or an address, a telephone number, or all of a booking's reference or of a ticket's code.
    """

    search: str = ""
    # one of STATES
    state: str = ""
    date_from: dt.datetime | None = None
    date_to: dt.datetime | None = None
    # only these
    ids: tuple[uuid.UUID, ...] = ()

    @property
    def are_counted(self) -> bool:
        """Whether `count_states` knows how many there are."""
        return not (self.search or self.date_from or self.date_to or self.ids)


@dataclass(frozen=True)
class Attendee:
    """A booking, and how many of its seats have come in."""

    booking: Booking
    admitted: int


@dataclass(frozen=True)
class StateCounts:
    """Bookings of an event by what `AttendeeFilters.state` may say, and all of them under no word."""

    bookings: Mapping[str, int]

    def __getitem__(self, state: str) -> int:
        return self.bookings[state]


def list_attendees(
    *,
    by: User,
    event_id: uuid.UUID,
    filters: AttendeeFilters,
    ordering: str = "-seq",
    page: int = 1,
    size: int = 25,
    counts: StateCounts | None = None,
) -> Page[Attendee]:
    """One page. `ordering` is a key of ORDERINGS, with a leading "-" from the other end; `counts`, if they are known already.

    Raises NotFound, NotAllowed.
    """
    get_managed_event(by=by, event_id=event_id)
    query = matching(event_id, filters)
    total = counts[filters.state] if counts and filters.are_counted else _count(query)
    first = (page - 1) * size
    # Which ones first, of the index alone; what they are like only of those that are shown.
    seqs = db.session.scalars(ordered(query, ordering).limit(size).offset(first)).all() if first < total else []
    return Page(items=_read(seqs), total=total, number=page, size=size)


def get_attendee(*, by: User, event_id: uuid.UUID, booking_id: uuid.UUID) -> Attendee:
    """Raises NotFound, also for a booking of another event, and NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    seqs = db.session.scalars(matching(event_id, AttendeeFilters(ids=(booking_id,)))).all()
    if not seqs:
        raise NotFound("There is no such booking.")
    return _read(seqs)[0]


def count_states(*, by: User, event_id: uuid.UUID) -> StateCounts:
    """Raises NotFound, NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    by_status = select(Booking.status, func.count()).where(Booking.event_id == event_id).group_by(Booking.status)
    counts: dict[str, int] = dict(db.session.execute(by_status).all())
    come_in = db.session.scalar(select(func.count()).where(Booking.event_id == event_id, has_state("checked_in"))) or 0
    confirmed = counts.get(CONFIRMED, 0)
    return StateCounts(
        {
            "": sum(counts.values()),
            "confirmed": confirmed,
            "checked_in": come_in,
            "not_checked_in": confirmed - come_in,
            "waiting": sum(counts.get(status, 0) for status in QUEUED),
            "failed": counts.get(FAILED, 0),
            "cancelled": counts.get(CANCELLED, 0),
        }
    )


def count_matching(event_id: uuid.UUID, filters: AttendeeFilters, *also: ColumnElement[bool]) -> AudienceCount:
    """Those among them that meet these conditions too. For callers that know who asks."""
    counts = (func.count(Booking.user_id.distinct()), func.count(), func.coalesce(func.sum(Booking.ticket_count), 0))
    return AudienceCount(*db.session.execute(matching(event_id, filters).where(*also).with_only_columns(*counts)).one())


def matching(event_id: uuid.UUID, filters: AttendeeFilters) -> Select[int]:
    """The query for the `seq` of those bookings, in no order. For callers that know who asks."""
    query = select(Booking.seq).where(Booking.event_id == event_id, has_state(filters.state))
    if filters.search:
        named = _seqs_of_code(event_id, filters.search)
        query = query.where(Booking.seq.in_(named or find_contacts(event_id, filters.search)))
    if filters.date_from:
        query = query.where(Booking.booking_date >= filters.date_from)
    if filters.date_to:
        query = query.where(Booking.booking_date < filters.date_to)
    return query.where(Booking.id.in_(filters.ids)) if filters.ids else query


def ordered(query: Select[Any], ordering: str, *, with_people: bool = False) -> Select[Any]:
    """What `matching` finds, in this order; joined with people where it is sorted by them, or if that is wanted."""
    columns = (*ORDERINGS[ordering.removeprefix("-")], Booking.seq.expression)
    if with_people or ordering.removeprefix("-") == "name":
        query = query.join(User, User.id == Booking.user_id)
    return query.order_by(*(column.desc() for column in columns) if ordering.startswith("-") else columns)


def is_checked_in() -> ColumnElement[bool]:
    """The condition for a booking of which at least one seat was let in."""
    return select(CheckIn.booking_seq).where(CheckIn.booking_seq == Booking.seq).exists()


def has_state(state: str) -> ColumnElement[bool]:
    """The condition for a booking, by what `AttendeeFilters.state` may say. In the words of the index, which are statuses."""
    return {
        "": Booking.status.in_(STATUSES),
        "confirmed": Booking.status == CONFIRMED,
        "checked_in": and_(Booking.status == CONFIRMED, is_checked_in()),
        "not_checked_in": and_(Booking.status == CONFIRMED, ~is_checked_in()),
        "waiting": Booking.status.in_(QUEUED),
        "failed": Booking.status == FAILED,
        "cancelled": Booking.status == CANCELLED,
    }[state]


def _count(query: Select[int]) -> int:
    return db.session.scalar(query.with_only_columns(func.count())) or 0


def _read(seqs: Sequence[int]) -> list[Attendee]:
    """In this order. Their event is loaded already, and each comes with its person."""
    if not seqs:
        return []
    query = select(Booking).where(Booking.seq.in_(seqs)).options(lazyload(Booking.event)).execution_options(populate_existing=True)
    bookings = {booking.seq: booking for booking in db.session.scalars(query)}
    admitted = select(CheckIn.booking_seq, func.count()).where(CheckIn.booking_seq.in_(seqs)).group_by(CheckIn.booking_seq)
    come_in: dict[int, int] = dict(db.session.execute(admitted).all())
    return [Attendee(bookings[seq], come_in.get(seq, 0)) for seq in seqs if seq in bookings]


def _seqs_of_code(event_id: uuid.UUID, written: str) -> list[int]:
    """The bookings of this event that a ticket's code or a booking's reference means; none for a name."""
    seq, seat = decode_code(written) or (0, 0)
    if seq:
        query = select(Booking.seq).where(Booking.seq == seq, Booking.event_id == event_id, Booking.ticket_count >= seat)
        if found := db.session.scalars(query).all():
            return list(found)
    letters = "".join(written.upper().replace("-", "").split()).removeprefix("EV")
    if len(letters) != 8 or not set(letters) <= set(CODE_ALPHABET):
        return []
    # A reference is the id modulo 30⁸, so the two agree modulo 2⁸: one booking in 256 is left to be looked at.
    last_byte = sum(CODE_ALPHABET.index(letter) * 30**place for place, letter in enumerate(letters)) % 256
    ends_so = cast(Booking.id, String).like(f"%{last_byte:02x}")
    candidates = select(Booking).where(Booking.event_id == event_id, ends_so).options(lazyload("*"))
    spaced = f"EV-{letters[:4]}-{letters[4:]}"
    return [booking.seq for booking in db.session.scalars(candidates) if booking.reference == spaced]
