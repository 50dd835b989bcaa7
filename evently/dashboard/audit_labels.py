"""The audit log in words."""

import datetime as dt
import uuid
from typing import Any

from evently.audit.models import AuditEntry
from evently.bookings.models import reference_of
from evently.http.formatting import moment
from evently.notifications.audiences import AUDIENCES

# By action.
ACTIONS = {
    "event.created": "Created an event",
    "event.imported": "Imported an event",
    "event.updated": "Changed an event",
    "event.published": "Published an event",
    "event.cancelled": "Cancelled an event",
    "event.archived": "Put an event away",
    "event.message_sent": "Wrote to the people of an event",
    "event.booking_added": "Added a booking for an attendee",
    "event.bookings_cancel": "Cancelled many bookings",
    "event.bookings_admit": "Let many people in",
    "booking.cancelled": "Cancelled a booking",
    "event.admissions_undone": "Began anew at the door, because the event moved",
    "booking.admitted_anyway": "Let somebody in while the door was closed",
    "booking.admission_undone": "Undid a check-in",
    "user.created": "Made an account",
    "user.role_changed": "Changed a role",
    "user.suspended": "Suspended somebody",
    "user.reinstated": "Let somebody in again",
    "user.sessions_ended": "Ended sessions",
    "user.tokens_revoked": "Revoked tokens",
    "user.deleted": "Deleted people",
    "mail.retried": "Sent mail again",
    "mail.viewed": "Looked at an e-mail of another person",
    "mail.listed": "Looked at the list of all e-mails",
}
FIELDS = {"audience": "to", "cover_digest": "picture", "cover_alt": "picture in words"}
# characters of a value that are shown
MAX_VALUE_LENGTH = 160


def entry_label(entry: AuditEntry) -> str:
    """What was done."""
    return ACTIONS.get(entry.action, entry.action)


def change_labels(entry: AuditEntry, timezone: str) -> list[tuple[str, str, str]]:
    """What changed: each field with what it was before, "" for nothing, and what it is since."""
    return [(_field(name), _shown(name, old, timezone), _shown(name, new, timezone)) for name, (old, new) in entry.changes.items()]


def _field(name: str) -> str:
    return FIELDS.get(name) or name.removeprefix("is_").replace("_", " ")


def _shown(name: str, value: Any, timezone: str) -> str:
    return _named(name, value) or _value(value, timezone)


def _named(field: str, value: Any) -> str:
    """What a value stands for that nobody could read; "" for others."""
    if not isinstance(value, str):
        return ""
    if field == "booking":
        return reference_of(uuid.UUID(value))
    return "a picture" if field == "cover_digest" else AUDIENCES.get(value, "") if field == "audience" else ""


def _value(value: Any, timezone: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    if isinstance(value, str) and (found := _moment(value)):
        return moment(found, timezone)
    words = f"{value:,}" if isinstance(value, int) else str(value)
    return words if len(words) <= MAX_VALUE_LENGTH else f"{words[:MAX_VALUE_LENGTH]}…"


def _moment(value: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo and len(value) > len("2026-01-01T00:00") else None
