"""Reads about mails and messages."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, func, select

from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, require_people_manager
from evently.bookings.models import ACTIVE_STATUSES, Booking
from evently.database import Page, paginate, utc_now
from evently.errors import NotFound
from evently.events.models import Event
from evently.events.policies import require_manager
from evently.events.queries import get_managed_event
from evently.extensions import db
from evently.notifications.messages import PREFIX, mail_id_of
from evently.notifications.models import (
    BOOKING_CONFIRMED,
    BOOKING_FAILED,
    FAILED,
    NO_ADDRESS,
    OVER_LIMIT,
    QUEUED,
    RESET_PASSWORD,
    SENDING,
    SENT,
    STATUSES,
    SUPPRESSED,
    Mail,
    Message,
)

# How long mails must have failed before anybody is told.
OUTAGE_AFTER = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class SentMessage:
    """A message with how many of its mails are in which state; `states` names each of STATUSES."""

    message: Message
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))

    @property
    def people(self) -> int:
        return sum(self.states.values())

    @property
    def waiting(self) -> int:
        return self.states[QUEUED] + self.states[SENDING]


@dataclass(frozen=True)
class RecipientSummary:
    """Who was told by a message: a mail's id for each, and how many have no address."""

    event_id: uuid.UUID
    mail_ids: list[uuid.UUID]
    without_address: int


@dataclass(frozen=True)
class DeliveryOutage:
    """Mails do not leave: since when, how many wait for that, and what the server said last, if anything."""

    since: dt.datetime
    waiting: int
    reason: str


def find_decision_mail(booking_id: uuid.UUID) -> Mail | None:
    """The mail that tells how a booking was decided."""
    tells = (Mail.booking_id == booking_id, Mail.kind.in_([BOOKING_CONFIRMED, BOOKING_FAILED]))
    return db.session.scalar(select(Mail).where(*tells).order_by(Mail.id).limit(1))


def get_mail(mail_id: int) -> Mail:
    """Raises NotFound."""
    mail = db.session.get(Mail, mail_id)
    if mail is None:
        raise NotFound("There is no such mail.")
    return mail


def name_recipients(ids: Iterable[str]) -> dict[str, str]:
    """To whom these mails are, by their ids as text; nobody's name where they are gone."""
    numbers = [int(id_) for id_ in ids]
    mails: Sequence[Mail] = db.session.scalars(select(Mail).where(Mail.id.in_(numbers))).all() if numbers else []
    return {str(mail.id): mail.user.full_name for mail in mails if mail.user}


def list_mails(*, page: int = 1, size: int = 20) -> Page[Mail]:
    """Every mail, the newest first."""
    return paginate(select(Mail).order_by(Mail.id.desc()), number=page, size=size)


def list_mails_to(user: User) -> Sequence[Mail]:
    """Everything that was written to somebody, the oldest first."""
    query = select(Mail).where(Mail.user_id == user.id)
    if not user.email_confirmed_at:
        # Whether a reset link went to this account would tell whether another one owns the address.
        query = query.where(Mail.kind != RESET_PASSWORD)
    return db.session.scalars(query.order_by(Mail.id)).all()


def list_booking_mails(booking_id: uuid.UUID) -> Sequence[Mail]:
    """Everything that was written about a booking, the oldest first; for callers that know who asks."""
    return db.session.scalars(select(Mail).where(Mail.booking_id == booking_id).order_by(Mail.id)).all()


def list_messages(*, by: User, event_id: uuid.UUID, page: int = 1, size: int = 20) -> Page[SentMessage]:
    """What was written to the people of an event, the newest first. Raises NotFound, NotAllowed."""
    get_managed_event(by=by, event_id=event_id)
    query = select(Message).where(Message.event_id == event_id).order_by(Message.created_at.desc(), Message.id)
    found = paginate(query, number=page, size=size)
    sent = {message.id: SentMessage(message) for message in found.items}
    counts = select(Mail.message_id, Mail.status, func.count()).where(Mail.message_id.in_(sent)).group_by(Mail.message_id, Mail.status)
    for message_id, status, count in db.session.execute(counts):
        sent[message_id].states[status] = count
    return Page(items=list(sent.values()), total=found.total, number=page, size=size)


def get_message(*, by: User, message_id: uuid.UUID) -> Message:
    """Raises NotFound, NotAllowed."""
    message = db.session.get(Message, message_id)
    if message is None:
        raise NotFound("There is no such message.")
    require_manager(by, message.event)
    return message


def list_deliveries(*, by: User, message_id: uuid.UUID, status: str = "", page: int = 1, size: int = 50) -> Page[Mail]:
    """A message's mails in the order of writing, all or those in one state. Raises NotFound, NotAllowed."""
    get_message(by=by, message_id=message_id)
    query = select(Mail).where(Mail.message_id == message_id).order_by(Mail.id)
    return paginate(query.where(Mail.status == status) if status else query, number=page, size=size)


def get_delivery(*, by: User, mail_id: uuid.UUID) -> Mail:
    """One of the mails that `tell_who_was_told` names. Raises NotFound, NotAllowed."""
    mail = db.session.scalar(select(Mail).where(Mail.delivery_key == f"{PREFIX}{mail_id.hex}"))
    if mail is None or mail.event is None:
        raise NotFound("There is no such mail.")
    require_manager(by, mail.event)
    return mail


def summarize_recipients(message: Message) -> RecipientSummary:
    """Mails that nobody will get have no id here."""
    query = select(Mail.delivery_key, Mail.status, Mail.last_error).where(Mail.message_id == message.id).order_by(Mail.id)
    mails = db.session.execute(query).all()
    ids = [mail_id_of(key) for key, status, _ in mails if status != SUPPRESSED]
    return RecipientSummary(message.event_id, ids, sum(status == SUPPRESSED and reason == NO_ADDRESS for _, status, reason in mails))


def count_recipients(event_id: uuid.UUID) -> int:
    """How many people get a mail when something about the event changes: who holds tickets or waits, and has an address."""
    query = select(func.count(Booking.user_id.distinct())).join(User, User.id == Booking.user_id)
    has_address = (User.email != "") & User.anonymised_at.is_(None)
    return db.session.scalar(query.where(Booking.event_id == event_id, Booking.status.in_(ACTIVE_STATUSES), has_address)) or 0


def list_failed_mail(*, by: User, page: int = 1, size: int = 20) -> Page[Mail]:
    """Mails that were given up, the newest first. Raises NotAllowed."""
    require_people_manager(by)
    return paginate(select(Mail).where(Mail.status == FAILED).order_by(Mail.id.desc()), number=page, size=size)


def count_held_back() -> int:
    """E-mails of the last day that were not sent because they exceeded a budget; for callers that know who asks."""
    return db.session.scalar(select(func.count()).where(*_is_over_limit())) or 0


def list_held_back(*, by: User, page: int = 1, size: int = 20) -> Page[Mail]:
    """E-mails of the last day that were not sent because they exceeded a budget, the newest first. Raises NotAllowed."""
    require_people_manager(by)
    return paginate(select(Mail).where(*_is_over_limit()).order_by(Mail.created_at.desc(), Mail.id.desc()), number=page, size=size)


def _is_over_limit() -> tuple[ColumnElement[bool], ...]:
    return (Mail.status == SUPPRESSED, Mail.last_error == OVER_LIMIT, Mail.created_at > utc_now() - dt.timedelta(days=1))


def delivery_outage_of(user: User) -> DeliveryOutage | None:
    """As `mail_trouble` for the whole site, for staff; for organizers about e-mails of their own events, without a reason.

    What the mail server said may name it, and other people.
    """
    if can_manage_every_event(user):
        return delivery_outage()
    trouble = delivery_outage(Mail.event_id.in_(select(Event.id).where(Event.organizer_id == user.id)))
    return trouble and replace(trouble, reason="")


def delivery_outage(*conditions: ColumnElement[bool]) -> DeliveryOutage | None:
    """None while mails leave, or none have had to wait for long; `conditions`: only these mails are counted.

    Mails that one server refuses while others take theirs are no trouble of ours.
    """
    before = utc_now() - OUTAGE_AFTER
    is_late = (
        *conditions,
        Mail.status.in_([QUEUED, SENDING]),
        Mail.created_at <= before,
        Mail.tried_at.is_not(None) | (Mail.not_before <= before),
    )
    since, waiting = db.session.execute(select(func.min(Mail.created_at), func.count()).where(*is_late)).one()
    if not waiting or db.session.scalar(select(Mail.id).where(Mail.status == SENT, Mail.sent_at > before).limit(1)):
        return None
    reason = db.session.scalar(
        select(Mail.last_error).where(*is_late, Mail.last_error.is_not(None)).order_by(Mail.tried_at.desc()).limit(1)
    )
    return DeliveryOutage(since=since, waiting=waiting, reason=reason or "")
