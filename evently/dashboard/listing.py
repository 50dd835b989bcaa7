"""The organizer's list of events: what its address says, as filters and as an address again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from evently.events.filters import EventFilters
from evently.events.models import STATUSES
from evently.http.pagination import page_number
from evently.http.query_params import choice, text

# value in the address: (whether upcoming, ordering by date, words)
TIMES: dict[str, tuple[bool | None, str, str]] = {
    "": (True, "time", "Upcoming"),
    "past": (False, "-time", "Past"),
    "all": (None, "-time", "All"),
}
STATES = {"": "Any state", "needs": "Needs you", "draft": "Draft", "published": "Published", "cancelled": "Cancelled"}
SORTS = {"": "By date", "-created_at": "Newly added", "-capacity": "Largest first"}


@dataclass(frozen=True, kw_only=True)
class EventListing:
    """Which events to show. Whatever an address says that makes no sense counts as not said."""

    search: str = ""
    when: str = ""
    state: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "EventListing":
        """From the arguments of an address."""
        return cls(
            search=text(args.get("q", "")),
            when=choice(TIMES, args.get("when", "")),
            state=choice(STATES, args.get("state", "")),
            sort=choice(SORTS, args.get("sort", "")),
            page=page_number(args),
        )

    def filters(self) -> EventFilters:
        is_upcoming, by_date, _ = TIMES[self.when]
        return EventFilters(
            search=self.search,
            is_upcoming=is_upcoming,
            status=self.state if self.state in STATUSES else "",
            needs_attention=self.state == "needs",
            ordering=self.sort or by_date,
        )

    def arguments(self) -> dict[str, Any]:
        """What an address must say to find this again. Pages begin anew."""
        said = {"q": self.search, "when": self.when, "state": self.state, "sort": self.sort}
        return {name: value for name, value in said.items() if value}

    def page_address(self, number: int) -> str:
        page = {"page": number} if number > 1 else {}
        return url_for("dashboard.list_events", **(self.arguments() | page))

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.state)
