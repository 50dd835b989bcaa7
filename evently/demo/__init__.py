"""Demo data: a site that looks lived in, from the first start.

The accounts, whose password everybody may know, and the public with its bookings belong to embedded mode alone;
the events can be made anywhere for an organizer who is there already.
"""

import datetime as dt

from flask import current_app
from sqlalchemy import select

from evently.accounts.models import User
from evently.accounts.queries import find_user_by_login
from evently.database import transaction, utc_now
from evently.demo.bookings import generate_bookings
from evently.demo.catalogue import DemoEvent, demo_events
from evently.demo.users import ORGANIZER, add_accounts, add_public
from evently.events.models import CANCELLED, Event
from evently.events.services import add_events, cancel_event, new_event
from evently.extensions import db

__all__ = ["ORGANIZER", "seed_demo", "seed_events"]

PUBLIC_SIZE = 420
# Before any event went on sale.
JOINED = dt.timedelta(days=200)


def seed_demo() -> bool:
    """Accounts, events and bookings, all or nothing; False where they are already or do not belong."""
    if not current_app.config["EMBEDDED"] or find_user_by_login(ORGANIZER):
        return False
    now, catalogue = utc_now(), demo_events()
    with transaction() as session:
        # Asked again under the lock: the site may be starting while an operator types the command.
        if find_user_by_login(ORGANIZER):
            return False
        organizer, attendee = add_accounts()
        public = add_public(session, PUBLIC_SIZE, joined=now - JOINED)
        events = _add_events(catalogue, by=organizer, now=now)
        generate_bookings(session, list(zip(catalogue, events, strict=True)), public=public, attendee=attendee, now=now)
    return True


def seed_events(organizer: User) -> int:
    """The events alone, without bookings, for this organizer; how many, and 0 when some are there already.

    Raises NotAllowed for people who do not organize.
    """
    now, catalogue = utc_now(), demo_events()
    source_ids = [str(demo.fields(now)["source_id"]) for demo in catalogue]
    with transaction() as session:
        if session.scalar(select(Event.id).where(Event.organizer_id == organizer.id, Event.source_id.in_(source_ids)).limit(1)):
            return 0
        return len(_add_events(catalogue, by=organizer, now=now))


def _add_events(catalogue: list[DemoEvent], *, by: User, now: dt.datetime) -> list[Event]:
    events = [new_event(by=by, fields=demo.fields(now), allow_past=True) for demo in catalogue]
    add_events(events)
    for demo, event in zip(catalogue, events, strict=True):
        if demo.status == CANCELLED:
            # Before anybody has booked, so that nobody is written to.
            cancel_event(by=by, event_id=event.id)
    db.session.flush()
    return events
