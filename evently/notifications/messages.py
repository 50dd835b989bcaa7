"""What organizers write to the people of an event: one mail per person, however many bookings."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from evently.accounts.models import User
from evently.audit.services import record
from evently.database import on_commit, transaction, utc_now
from evently.errors import Invalid
from evently.events.models import Event
from evently.events.queries import get_managed_event
from evently.events.services import normalize_message
from evently.notifications import mail_budgets, wakeups
from evently.notifications.audiences import AUDIENCES, CHOSEN, count_readers, is_in_audience
from evently.notifications.bulk_insert import insert_for_audience
from evently.notifications.mail_budgets import SENDER
from evently.notifications.models import EVENT_CANCELLED, EVENT_MESSAGE, Mail, Message
from evently.notifications.rendering import RenderedMail, render_mail
from evently.text import changes_direction, has_control_characters

# characters
LENGTHS = {"subject": 200, "body": 5000}
# At most so many bookings are chosen one by one.
MAX_SELECTED = 1000
# What the delivery keys of their mails begin with.
PREFIX = "event-message:"


@dataclass(frozen=True)
class Audience:
    """How many people a message would go to, and how many of them it would not reach."""

    people: int
    without_address: int
    unsubscribed: int

    @property
    def reachable(self) -> int:
        return self.people - self.without_address - self.unsubscribed


def send_message(
    *,
    by: User,
    event_id: uuid.UUID,
    audience: str,
    body: str,
    subject: str = "",
    message_id: uuid.UUID | None = None,
    booking_ids: Sequence[uuid.UUID] = (),
) -> Message:
    """Send an e-mail to the audience, for "chosen" to the holders of these bookings. The default subject is "About" and the event's name.

    If `message_id` exists already, the request is a retry and that message is returned. Recipients that cannot be reached get
    a suppressed e-mail with the reason. Raises NotFound, NotAllowed, Invalid; TooManyRequests above the organizer's daily budget.
    """
    words = _normalize(subject, body)
    with transaction() as session:
        event = get_managed_event(by=by, event_id=event_id)
        _validate(words, audience, booking_ids)
        if message_id and (written := session.get(Message, message_id)):
            return written
        words["subject"] = words["subject"] or f"About {event.name}"
        message = Message(id=message_id or uuid.uuid4(), event=event, sender=by, audience=audience, created_at=utc_now(), **words)
        _send(message, is_in_audience(audience, booking_ids))
    return message


def _send(message: Message, chosen: ColumnElement[bool]) -> None:
    event, reachable = message.event, Audience(*count_readers(message.event, chosen)).reachable
    mail_budgets.require_organizer(event.organizer_id, reachable, "Write to fewer people, or later.")
    with transaction() as session:
        session.add(message)
        session.flush()
        people = insert_for_audience(message, chosen)
        changes = {"subject": (None, message.subject), "audience": (None, message.audience), "people": (None, people)}
        record(actor_id=message.sender.id, action="event.message_sent", subject="event", subject_id=event.id, changes=changes)


def count_audience(*, by: User, event_id: uuid.UUID, audience: str, booking_ids: Sequence[uuid.UUID] = ()) -> Audience:
    """Raises NotFound, NotAllowed, Invalid."""
    event = get_managed_event(by=by, event_id=event_id)
    _validate({}, audience, booking_ids)
    return Audience(*count_readers(event, is_in_audience(audience, booking_ids)))


def send_test(*, by: User, event_id: uuid.UUID, body: str, subject: str = "") -> Mail:
    """The message as a mail to the own address, which has to be confirmed: its text is free, and so was the choice of the address.

    Raises NotFound, NotAllowed, Invalid, TooManyRequests.
    """
    words = _normalize(subject, body)
    with transaction() as session:
        event = get_managed_event(by=by, event_id=event_id)
        _validate(words, "everyone")
        if not by.email_confirmed_at:
            raise Invalid("Confirm your e-mail address first, then you can send tests to it.", code="email_not_confirmed")
        mail_budgets.require(SENDER, f"user {by.id}", "You sent too many tests in a short time.")
        mail = _example(by, event, _of_test(event, words))
        session.add(mail)
        on_commit(wakeups.notify_worker)
    return mail


def preview_message(*, by: User, event_id: uuid.UUID, body: str, subject: str = "") -> RenderedMail:
    """What the mail would look like, whatever is missing yet. Raises NotFound, NotAllowed."""
    event = get_managed_event(by=by, event_id=event_id)
    return render_mail(_example(by, event, _of_test(event, _normalize(subject, body))))


def preview_cancellation(*, by: User, event_id: uuid.UUID, words: str) -> RenderedMail:
    """The mail about an event that is cancelled with these words. Raises NotFound, NotAllowed, Invalid ("cancellation_note")."""
    event = get_managed_event(by=by, event_id=event_id)
    return render_mail(_example(by, event, {"body": normalize_message(words)}, kind=EVENT_CANCELLED))


def mail_id_of(key: str) -> uuid.UUID:
    """What a mail of a message is called outside, from its delivery key."""
    return uuid.UUID(hex=key.removeprefix(PREFIX))


def _normalize(subject: str, body: str) -> dict[str, str]:
    return {"subject": " ".join(subject.split()), "body": body.strip()}


def _validate(words: dict[str, str], audience: str, booking_ids: Sequence[uuid.UUID] = ()) -> None:
    problems = {name: [f"Use at most {LENGTHS[name]:,} characters."] for name, said in words.items() if len(said) > LENGTHS[name]}
    problems |= {name: ["Remove the control characters."] for name, said in words.items() if has_control_characters(said)}
    if changes_direction(words.get("subject", "")):
        problems["subject"] = ["Remove the characters that change the direction of text."]
    if words.get("body") == "":
        problems["body"] = ["This is needed."]
    if audience not in AUDIENCES:
        problems["audience"] = [f"Choose one of: {', '.join(AUDIENCES)}."]
    if audience == CHOSEN and not 0 < len(booking_ids) <= MAX_SELECTED:
        problems["booking_ids"] = [f"Choose 1 to {MAX_SELECTED:,} bookings."]
    if problems:
        raise Invalid("Please correct the marked fields.", fields=problems)


def _of_test(event: Event, words: dict[str, str]) -> dict[str, str]:
    return {**words, "subject": f"Test: {words['subject'] or f'About {event.name}'}"}


def _example(by: User, event: Event, words: dict[str, str], kind: str = EVENT_MESSAGE) -> Mail:
    """A mail to oneself, of no message; its words are its own."""
    key = f"{PREFIX}{uuid.uuid4().hex}"
    return Mail(delivery_key=key, kind=kind, to_address=by.email, user=by, event=event, context=words, created_at=utc_now())
