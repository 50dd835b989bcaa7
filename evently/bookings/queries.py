"""Reads about bookings."""

import datetime as dt
import math
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.bookings.models import ACTIVE_STATUSES, CANCELLED, CONFIRMED, FAILED, OCCUPYING_STATUSES, PENDING, PROCESSING, Booking
from evently.bookings.policies import can_see_booking, can_see_bookings_of
from evently.database import Page, paginate, single_statement, utc_now
from evently.errors import NotAllowed, NotFound
from evently.events.models import Event
from evently.events.policies import require_manager
from evently.events.queries import get_event, is_managed_by
from evently.extensions import db

# What each tab of "My bookings" shows.
TABS = ("upcoming", "past", "cancelled")
# Decisions looked at, and how far back, to say how quickly the line moves.
RATE_SAMPLE = 100
RATE_WINDOW = dt.timedelta(minutes=1)


def get_booking(*, by: User, booking_id: uuid.UUID) -> Booking:
    """Raises NotFound, also for bookings that this person may not see."""
    booking = db.session.scalar(select(Booking).where(Booking.id == booking_id).execution_options(populate_existing=True))
    if booking is None or not can_see_booking(by, booking):
        raise NotFound("There is no such booking.")
    return booking


def find_own_booking(*, user: User, booking_id: uuid.UUID) -> Booking | None:
    return db.session.scalar(select(Booking).where(Booking.id == booking_id, Booking.user_id == user.id))


def list_bookings(
    *,
    by: User,
    user_id: int,
    status: str = "",
    date_from: dt.datetime | None = None,
    date_to: dt.datetime | None = None,
    page: int = 1,
    size: int = 10,
) -> Page[Booking]:
    """Somebody's bookings, the newest first; `date_to` is exclusive. Raises NotAllowed for other people's, NotFound for nobody's."""
    if not can_see_bookings_of(by, user_id):
        raise NotAllowed("These bookings belong to somebody else.", code="not_your_bookings")
    if user_id != by.id:
        get_user(user_id)
    query = select(Booking).where(Booking.user_id == user_id).order_by(Booking.seq.desc())
    if status:
        query = query.where(Booking.status == status)
    if date_from:
        query = query.where(Booking.booking_date >= date_from)
    if date_to:
        query = query.where(Booking.booking_date < date_to)
    return paginate(query, number=page, size=size)


def list_own_bookings(*, user: User, tab: str, page: int = 1, size: int = 10) -> Page[Booking]:
    """One tab of "My bookings": upcoming ones by date, the rest newest first."""
    query = select(Booking).join(Event, Booking.event_id == Event.id).where(Booking.user_id == user.id, _in_tab(tab))
    query = query.order_by(Event.time, Booking.seq) if tab == "upcoming" else query.order_by(Event.time.desc(), Booking.seq.desc())
    return paginate(query, number=page, size=size)


def list_all_bookings(user: User) -> Sequence[Booking]:
    """All that somebody ever booked, in that order."""
    return db.session.scalars(select(Booking).where(Booking.user_id == user.id).order_by(Booking.seq)).all()


def count_tabs(user: User) -> dict[str, int]:
    """How many bookings each tab of "My bookings" holds."""
    counts = [func.count().filter(_in_tab(tab)) for tab in TABS]
    query = select(*counts).select_from(Booking).join(Event, Booking.event_id == Event.id).where(Booking.user_id == user.id)
    return dict(zip(TABS, db.session.execute(query).one(), strict=True))


def _in_tab(tab: str) -> ColumnElement[bool]:
    is_off = Booking.status.in_([CANCELLED, FAILED])
    return {
        "upcoming": ~is_off & (Event.time > utc_now()),
        "past": ~is_off & (Event.time <= utc_now()),
        "cancelled": is_off,
    }[tab]


def list_event_bookings(*, by: User, event_id: uuid.UUID, page: int = 1, size: int = 20) -> Page[Booking]:
    """An event's bookings for those who manage it, the newest first. Raises NotFound, NotAllowed."""
    require_manager(by, get_event(event_id))
    query = select(Booking).where(Booking.event_id == event_id).order_by(Booking.seq.desc())
    return paginate(query, number=page, size=size)


def count_confirmed_bookings(event_id: uuid.UUID) -> int:
    """Bookings, not tickets, that are confirmed now."""
    query = select(func.count()).where(Booking.event_id == event_id, Booking.status == CONFIRMED)
    return db.session.scalar(query) or 0


def count_active_bookings(event_id: uuid.UUID) -> int:
    """Bookings, not tickets, that are confirmed or wait."""
    query = select(func.count()).where(Booking.event_id == event_id, Booking.status.in_(ACTIVE_STATUSES))
    return db.session.scalar(query) or 0


def count_held_tickets(*, user_id: int, event_id: uuid.UUID) -> int:
    """Tickets this person holds or has asked for and not been told no."""
    query = select(func.coalesce(func.sum(Booking.ticket_count), 0)).where(
        Booking.user_id == user_id, Booking.event_id == event_id, Booking.status.in_([*OCCUPYING_STATUSES, PENDING, PROCESSING])
    )
    return int(db.session.scalar(query) or 0)


def count_ahead(booking: Booking) -> int:
    """How many bookings of the same event are to be decided before this one."""
    query = select(func.count()).where(Booking.event_id == booking.event_id, Booking.status == PROCESSING, Booking.seq < booking.seq)
    return db.session.scalar(query) or 0


@dataclass(frozen=True)
class AudienceCount:
    """People, and the bookings and tickets that are theirs."""

    people: int
    bookings: int
    tickets: int


def count_attendees(*, by: User, event_id: uuid.UUID, statuses: Collection[str] = ACTIVE_STATUSES) -> AudienceCount:
    """Holders of active bookings of an event; zero if `by` does not manage it."""
    counts = (func.count(Booking.user_id.distinct()), func.count(), func.coalesce(func.sum(Booking.ticket_count), 0))
    query = select(*counts).join(Event, Booking.event_id == Event.id).where(Booking.event_id == event_id, Booking.status.in_(statuses))
    return AudienceCount(*db.session.execute(query.where(is_managed_by(by))).one())


@dataclass(frozen=True)
class QueuePosition:
    """Where a waiting booking stands: bookings ahead of it, and how many are decided per second of late."""

    ahead: int
    decided_per_second: float

    @property
    def seconds_left(self) -> int | None:
        """About how long it will take; None while nobody can tell."""
        return math.ceil((self.ahead + 1) / self.decided_per_second) if self.decided_per_second else None


def get_queue_position(booking: Booking) -> QueuePosition | None:
    """None for a booking that does not wait."""
    if booking.status != PROCESSING:
        return None
    return QueuePosition(ahead=count_ahead(booking), decided_per_second=_decided_per_second(booking.event_id))


def _decided_per_second(event_id: uuid.UUID) -> float:
    """From the newest decisions of the last minute; 0.0 when there were none."""
    newest = [
        select(Booking.decided_at)
        .where(Booking.event_id == event_id, Booking.status == status)
        .order_by(Booking.seq.desc())
        .limit(RATE_SAMPLE)
        .subquery()
        for status in (CONFIRMED, FAILED)
    ]
    now = utc_now()
    moments = [moment for query in newest for moment in db.session.scalars(select(query.c.decided_at)) if moment]
    recent = [moment for moment in moments if now - moment < RATE_WINDOW]
    seconds = (now - min(recent)).total_seconds() if recent else 0.0
    return round(len(recent) / max(seconds, 0.001), 1) if recent else 0.0


def list_events_with_queue() -> Sequence[uuid.UUID]:
    """Events with bookings that nobody has decided yet."""
    return db.session.scalars(select(Booking.event_id).where(Booking.status == PROCESSING).distinct()).all()


def count_queued() -> tuple[int, dt.timedelta]:
    """How many bookings nobody has decided yet, and for how long the oldest of them waits; for monitors."""
    query = select(func.count(), func.min(Booking.booking_date)).where(Booking.status == PROCESSING)
    with single_statement(writes=False) as connection:
        count, since = connection.execute(query).one()
    # A clock that was set back makes nobody wait for less than nothing.
    return count, max(dt.timedelta(), utc_now() - since) if since else dt.timedelta()
