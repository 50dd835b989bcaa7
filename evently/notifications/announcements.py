"""What organizers tell everybody who holds tickets: one mail per person, however many bookings."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently.accounts.models import User
from evently.bookings.models import CONFIRMED, Booking
from evently.database import on_commit, transaction
from evently.errors import Invalid
from evently.events.queries import get_managed_event
from evently.extensions import db
from evently.notifications import wakeups
from evently.notifications.models import EVENT_MESSAGE, QUEUED, Mail
from evently.text import has_control_characters

# characters
LENGTHS = {"subject": 200, "message": 5000}
PORTION = 1000


@dataclass(frozen=True)
class Announcement:
    """Who was told: a mail's id for each, and how many have no address."""

    event_id: uuid.UUID
    mail_ids: list[uuid.UUID]
    without_address: int


def announce(*, by: User, event_id: uuid.UUID, message: str, subject: str = "", announcement_id: uuid.UUID | None = None) -> Announcement:
    """Write to everybody with a confirmed booking. The same `announcement_id` again writes nothing a second time.

    Without a subject it is "About" and the event's name. Raises NotFound, NotAllowed, Invalid.
    """
    words = {"subject": " ".join(subject.split()), "message": message.strip()}
    with transaction():
        get_managed_event(by=by, event_id=event_id)
        _refuse(words)
        holders = _holders(event_id)
        reachable = [holder for holder in holders if holder.email and holder.anonymised_at is None]
        mail_ids = [uuid.uuid5(announcement_id or uuid.uuid4(), str(holder.user_id)) for holder in reachable]
        _write([_mail(mail_id, holder, words) for mail_id, holder in zip(mail_ids, reachable, strict=True)])
        on_commit(wakeups.wake)
    return Announcement(event_id=event_id, mail_ids=mail_ids, without_address=len(holders) - len(reachable))


def _refuse(words: dict[str, str]) -> None:
    problems = {name: [f"Use at most {LENGTHS[name]:,} characters."] for name, said in words.items() if len(said) > LENGTHS[name]}
    problems |= {name: ["Remove the control characters."] for name, said in words.items() if has_control_characters(said)}
    if not words["message"]:
        problems["message"] = ["This is needed."]
    if problems:
        raise Invalid("Please correct the marked fields.", fields=problems)


def _holders(event_id: uuid.UUID) -> Sequence[Any]:
    """Each person once, with their newest confirmed booking."""
    newest = select(func.max(Booking.seq)).where(Booking.event_id == event_id, Booking.status == CONFIRMED).group_by(Booking.user_id)
    query = select(Booking.id, Booking.event_id, Booking.user_id, User.email, User.anonymised_at)
    return db.session.execute(query.join(User, User.id == Booking.user_id).where(Booking.seq.in_(newest)).order_by(Booking.seq)).all()


def _mail(mail_id: uuid.UUID, holder: Any, words: dict[str, str]) -> dict[str, Any]:
    return {
        "delivery_key": f"event-message:{mail_id.hex}",
        "kind": EVENT_MESSAGE,
        "to_address": holder.email,
        "user_id": holder.user_id,
        "booking_id": holder.id,
        "event_id": holder.event_id,
        "context": words,
        "status": QUEUED,
    }


def _write(rows: list[dict[str, Any]]) -> None:
    insert = sqlite_insert if db.session.get_bind().dialect.name == "sqlite" else postgresql_insert
    for start in range(0, len(rows), PORTION):
        statement = insert(Mail).on_conflict_do_nothing(index_elements=[Mail.delivery_key])
        db.session.execute(statement, rows[start : start + PORTION])
