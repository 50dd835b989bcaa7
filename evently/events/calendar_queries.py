"""Reads about many events at once that need little of each: a month's calendar, the site map."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import select

from evently.database import utc_now
from evently.events.filters import EventFilters
from evently.events.models import CANCELLED, PUBLISHED, Event
from evently.events.queries import matching_public
from evently.extensions import db

# More than anybody reads in a month; the database is not to send a hundred thousand.
MAX_EVENTS_PER_MONTH = 3000
# What one file of a site map may hold.
MAX_SITEMAP_URLS = 50_000
# Clocks in the world differ by less: a day of one zone is over everywhere two days later.
COLUMNS_NOT_LOADED = dt.timedelta(days=1)


@dataclass(frozen=True)
class CalendarItem:
    """What a calendar shows of an event."""

    id: uuid.UUID
    name: str
    time: dt.datetime
    ends_at: dt.datetime | None
    timezone: str
    status: str

    @property
    def is_cancelled(self) -> bool:
        return self.status == CANCELLED


def list_month(filters: EventFilters, *, first: dt.datetime, after: dt.datetime) -> Sequence[CalendarItem]:
    """What matches and starts from `first` until before `after`, a day more at both ends, soonest first.

    A day more, because every event has its day in its own zone.
    """
    bounds = replace(
        filters,
        date_from=max(filter(None, (filters.date_from, first - COLUMNS_NOT_LOADED))),
        date_to=min(filter(None, (filters.date_to, after + COLUMNS_NOT_LOADED))),
        is_upcoming=None,
        ordering="time",
    )
    columns = (Event.id, Event.name, Event.time, Event.ends_at, Event.timezone, Event.status)
    query = matching_public(bounds).with_only_columns(*columns).limit(MAX_EVENTS_PER_MONTH)
    return [CalendarItem(*row) for row in db.session.execute(query)]


def list_sitemap_entries() -> Sequence[tuple[uuid.UUID, dt.datetime]]:
    """Every event that is still to come, with its last change: for search engines."""
    query = select(Event.id, Event.updated_at).where(Event.status == PUBLISHED, Event.archived_at.is_(None), Event.time > utc_now())
    rows = db.session.execute(query.order_by(Event.time, Event.id).limit(MAX_SITEMAP_URLS))
    return cast("Sequence[tuple[uuid.UUID, dt.datetime]]", rows.all())
