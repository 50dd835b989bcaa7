"""The list of an event's attendees: what its address says, as filters and as an address again."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from werkzeug.datastructures import MultiDict

from evently.bookings.attendees import AttendeeFilters
from evently.events.models import Event
from evently.http.pagination import page_number
from evently.http.query_params import choice, day, day_start, text

TABS = {
    "": "All",
    "confirmed": "Confirmed",
    "checked_in": "Checked in",
    "not_checked_in": "Not here yet",
    "waiting": "In line",
    "failed": "Not booked",
    "cancelled": "Cancelled",
}
SORTS = {
    "": "Newest first",
    "seq": "First come first",
    "name": "Name A–Z",
    "-name": "Name Z–A",
    "-tickets": "Most tickets",
    "status": "By state",
}
# As many as a page shows; whoever wants more says "all".
MAX_SELECTED = 100


@dataclass(frozen=True, kw_only=True)
class AttendeeListing:
    """Which attendees to show. Whatever an address says that makes no sense counts as not said."""

    event_id: uuid.UUID
    zone: ZoneInfo
    search: str = ""
    state: str = ""
    sort: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    page: int = 1
    # of rows that were ticked
    ids: tuple[uuid.UUID, ...] = ()

    @classmethod
    def read(cls, event: Event, args: MultiDict[str, str]) -> "AttendeeListing":
        """From the arguments of an address, or the fields of a form."""
        return cls(
            event_id=event.id,
            zone=event.zone,
            search=text(args.get("q", "")),
            state=choice(TABS, args.get("state", "")),
            sort=choice(SORTS, args.get("sort", "")),
            since=day(args.get("since", "")),
            until=day(args.get("until", "")),
            page=page_number(args),
            ids=() if args.get("all") else read_ids(args.getlist("booking")),
        )

    def filters(self) -> AttendeeFilters:
        """Of ticked rows nothing else is asked: they are meant even if their state has changed meanwhile."""
        if self.ids:
            return AttendeeFilters(ids=self.ids)
        until = self.until + dt.timedelta(days=1) if self.until else None
        return AttendeeFilters(
            search=self.search, state=self.state, date_from=day_start(self.since, self.zone), date_to=day_start(until, self.zone)
        )

    def arguments(self) -> dict[str, Any]:
        """What an address must say to find this again. Pages begin anew."""
        said = {"q": self.search, "state": self.state, "sort": self.sort, "since": self.since, "until": self.until}
        chosen = {"booking": [str(id_) for id_ in self.ids]} if self.ids else {}
        return {name: str(value) for name, value in said.items() if value} | chosen

    def page_address(self, number: int) -> str:
        page = {"page": number} if number > 1 else {}
        return self._address(self.arguments() | page)

    def tab_address(self, state: str) -> str:
        return self._address(replace(self, state=state).arguments())

    def sort_address(self, sort: str) -> str:
        return self._address(replace(self, sort=sort).arguments())

    def export_address(self, endpoint: str, progress: str | None = None) -> str:
        """Of the same attendees; `progress` is the key under which one can ask how far the file has come."""
        return url_for(endpoint, event_id=self.event_id, progress=progress, **self.arguments())

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.since or self.until)

    def _address(self, arguments: Mapping[str, Any]) -> str:
        return url_for("dashboard.list_attendees", event_id=self.event_id, **arguments)


def read_ids(values: list[str]) -> tuple[uuid.UUID, ...]:
    """Of the rows that were ticked; what is no id counts as not said."""
    found = []
    for value in values[:MAX_SELECTED]:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return tuple(found)
