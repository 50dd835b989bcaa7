"""Who wants no more mails that are not about their own tickets: reminders, and messages of one organizer."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, Signer
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently.accounts.models import User
from evently.accounts.queries import find_user
from evently.database import transaction
from evently.errors import NotFound
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.models import EVENT_MESSAGE, EVENT_REMINDER, Mail, Unsubscription

REMINDERS = "reminders"
_TOKEN = re.compile(r"(\d{1,9})\.(reminders|messages-\d{1,9})")


@dataclass(frozen=True)
class Subscription:
    """Mails of one topic to one person; `organizer` is whose messages, if it is not reminders."""

    user: User
    topic: str
    organizer: User | None

    @property
    def is_on(self) -> bool:
        return db.session.get(Unsubscription, (self.user.id, self.topic)) is None


def topic_of(event: Event) -> str:
    """What one unsubscribes from who wants no more messages about such an event: those of its organizer."""
    return f"messages-{event.organizer_id}"


def token_of(mail: Mail) -> str:
    """What the address ends with at which its reader unsubscribes; empty where a mail is not of that sort.

    It stays good: who finds an old mail wants no more of them all the same.
    """
    topic = {EVENT_REMINDER: REMINDERS, EVENT_MESSAGE: topic_of(mail.event) if mail.event else ""}.get(mail.kind)
    # A test to oneself is about no booking.
    return _signer().sign(f"{mail.user_id}.{topic}").decode() if topic and mail.booking_id else ""


def open_token(token: str) -> Subscription:
    """Raises NotFound for what is none of ours, and for people who are gone."""
    try:
        said = _TOKEN.fullmatch(_signer().unsign(token).decode())
    # UnicodeError: what was typed into an address bar may be half a surrogate pair
    except (BadSignature, UnicodeError):
        said = None
    user = find_user(int(said[1])) if said else None
    if said is None or user is None or user.anonymised_at:
        raise NotFound("This link does not work.", code="dead_link")
    organizer_id = said[2].partition("-")[2]
    return Subscription(user=user, topic=said[2], organizer=find_user(int(organizer_id)) if organizer_id else None)


def list_unsubscribed(user: User) -> Sequence[str]:
    """The topics of which somebody wants no more: "reminders", "messages-7" of the organizer with that id."""
    query = select(Unsubscription.topic).where(Unsubscription.user_id == user.id)
    return db.session.scalars(query.order_by(Unsubscription.topic)).all()


def unsubscribe(subscription: Subscription) -> None:
    """No more of these; asking twice is as good as once."""
    insert = sqlite_insert if db.engine.dialect.name == "sqlite" else postgresql_insert
    with transaction() as session:
        values = {"user_id": subscription.user.id, "topic": subscription.topic}
        session.execute(insert(Unsubscription).values(values).on_conflict_do_nothing())


def subscribe_again(subscription: Subscription) -> None:
    with transaction() as session:
        is_it = (Unsubscription.user_id == subscription.user.id, Unsubscription.topic == subscription.topic)
        session.execute(delete(Unsubscription).where(*is_it))


def _signer() -> Signer:
    return Signer(current_app.config["SECRET_KEY"], salt="unsubscribe", key_derivation="hmac", digest_method=hashlib.sha256)
