"""When the door of an event is open, and what becomes of those who came when it moves to another day."""

import datetime as dt
from typing import Any

from flask import current_app
from sqlalchemy import delete

from evently.audit.services import record
from evently.bookings.models import CheckIn
from evently.bookings.signals import check_ins_undone
from evently.database import utc_now
from evently.events.models import Event
from evently.events.signals import event_changed
from evently.extensions import db

WINDOW_AFTER = dt.timedelta(days=1)


def opens_at(event: Event) -> dt.datetime:
    return event.time - dt.timedelta(hours=current_app.config["DOOR_OPENS_HOURS"])


def closes_at(event: Event) -> dt.datetime:
    """A day after its end, or after its start where nobody said when it ends."""
    return (event.ends_at or event.time) + WINDOW_AFTER


def is_early(event: Event) -> bool:
    return utc_now() < opens_at(event)


def is_over(event: Event) -> bool:
    return utc_now() >= closes_at(event)


def is_different_date(before: dt.datetime, after: dt.datetime | None) -> bool:
    """Whether a start moved so far that whoever came to the one has not come to the other."""
    return after is not None and after > before + WINDOW_AFTER


@event_changed.connect
def clear_check_ins(event: Event, *, changes: dict[str, tuple[Any, Any]], **_more: object) -> None:
    """An event that moves by more than a day begins with an empty house. The caller holds the stock's lock.

    The change itself, with who made it, is in the audit log beside this.
    """
    if "time" not in changes or not is_different_date(*changes["time"]):
        return
    gone = delete(CheckIn).where(CheckIn.event_id == event.id).returning(CheckIn.admitted_at)
    moments = db.session.scalars(gone.execution_options(synchronize_session=False)).all()
    if moments:
        came = {"checked_in": (len(moments), 0)}
        record(actor_id=None, action="event.admissions_undone", subject="event", subject_id=event.id, changes=came)
        check_ins_undone.send(event.id, moments=moments)
