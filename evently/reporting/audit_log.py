"""The audit log, for those who may manage people: each entry with the names that its numbers stand for now."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from evently.accounts.models import User
from evently.accounts.policies import require_people_manager
from evently.audit.models import AuditEntry
from evently.bookings.models import reference_of
from evently.database import Page, paginate
from evently.events.models import Event
from evently.extensions import db


@dataclass(frozen=True, kw_only=True)
class EntryFilters:
    """`action` may be all of a subject: "event."; `until` is a moment that is too late."""

    actor_id: int | None = None
    action: str = ""
    subject: str = ""
    subject_id: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Entry:
    """`actor` is None for an operator's command, `name` is "" for what has none or is no more."""

    written: AuditEntry
    actor: User | None
    name: str


def list_entries(*, by: User, filters: EntryFilters, page: int = 1, size: int = 30) -> Page[Entry]:
    """The newest first. Raises NotAllowed."""
    require_people_manager(by)
    found = paginate(_narrowed(filters).order_by(AuditEntry.id.desc()), number=page, size=size)
    written: Sequence[AuditEntry] = found.items
    people = _people({entry.actor_id for entry in written} | {int(id_) for id_ in _ids(written, "user")})
    names = {
        "user": {str(user.id): user.full_name for user in people.values()},
        "event": _event_names(_ids(written, "event")),
        "booking": {id_: reference_of(uuid.UUID(id_)) for id_ in _ids(written, "booking")},
    }
    entries = [Entry(entry, people.get(entry.actor_id or 0), names.get(entry.subject, {}).get(entry.subject_id, "")) for entry in written]
    return Page(items=entries, total=found.total, number=page, size=size)


def _narrowed(filters: EntryFilters) -> Select[AuditEntry]:
    query = select(AuditEntry)
    if filters.actor_id is not None:
        query = query.where(AuditEntry.actor_id == filters.actor_id)
    if filters.action:
        query = query.where(AuditEntry.action.startswith(filters.action, autoescape=True))
    if filters.subject:
        query = query.where(AuditEntry.subject == filters.subject, AuditEntry.subject_id == filters.subject_id)
    if filters.since:
        query = query.where(AuditEntry.created_at >= filters.since)
    return query.where(AuditEntry.created_at < filters.until) if filters.until else query


def _ids(entries: Sequence[AuditEntry], subject: str) -> set[str]:
    return {entry.subject_id for entry in entries if entry.subject == subject and entry.subject_id}


def _people(ids: set[int | None]) -> dict[int, User]:
    return {user.id: user for user in db.session.scalars(select(User).where(User.id.in_(ids - {None})))}


def _event_names(ids: set[str]) -> dict[str, str]:
    rows = db.session.execute(select(Event.id, Event.name).where(Event.id.in_([uuid.UUID(id_) for id_ in ids])))
    return {str(id_): name for id_, name in rows}
