"""The audit log in words."""

import datetime as dt
from typing import Any

from evently.audit.models import AuditEntry
from evently.http.formatting import moment

# By action; a new one reads well enough without an entry here.
ACTIONS = {
    "event.created": "Created an event",
    "event.updated": "Changed an event",
    "event.published": "Published an event",
    "event.cancelled": "Cancelled an event",
    "event.archived": "Put an event away",
    "event.booking_added": "Added a booking by hand",
    "event.bookings_cancel": "Cancelled many bookings",
    "event.bookings_admit": "Let many people in",
    "booking.cancelled": "Cancelled a booking",
    "booking.admission_undone": "Undid a check-in",
    "user.created": "Made an account",
    "user.role_changed": "Changed a role",
    "user.suspended": "Suspended somebody",
    "user.reinstated": "Let somebody in again",
    "user.sessions_ended": "Ended sessions",
    "user.tokens_revoked": "Revoked tokens",
    "user.deleted": "Deleted people",
    "mail.retried": "Sent mail again",
}
# characters of a value that are shown
LONGEST = 160


def entry_words(entry: AuditEntry) -> str:
    """What was done."""
    return ACTIONS.get(entry.action) or entry.action.replace(".", " ").replace("_", " ").capitalize()


def change_words(entry: AuditEntry, timezone: str) -> list[tuple[str, str, str]]:
    """What changed: each field with what it was before, "" for nothing, and what it is since."""
    named = {name.removeprefix("is_").replace("_", " "): values for name, values in entry.changes.items()}
    return [(name, _value(before, timezone), _value(after, timezone)) for name, (before, after) in named.items()]


def _value(value: Any, timezone: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    if isinstance(value, str) and (found := _moment(value)):
        return moment(found, timezone)
    words = f"{value:,}" if isinstance(value, int) else str(value)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def _moment(value: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo and len(value) > len("2026-01-01T00:00") else None
