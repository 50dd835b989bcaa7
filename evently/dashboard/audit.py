"""The audit log: who changed what, and when."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app, request, url_for

from evently.accounts.queries import find_user_by_login
from evently.dashboard import blueprint
from evently.dashboard.admin import PREFIX
from evently.dashboard.audit_labels import ACTIONS, change_labels, entry_label
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.http.query_params import choice, day, day_start, text
from evently.notifications.queries import name_recipients
from evently.reporting.audit_log import EntryFilters, list_entries

KINDS = {"event.": "All about events", "booking.": "All about single bookings", "user.": "All about people", "mail.": "All about mail"}
CHOICES = {"": "Everything", **KINDS, **ACTIONS}
SUBJECTS = {"event": "one event", "booking": "one booking", "user": "one person", "mail": "one mail"}
# Nobody has this number.
NOBODY = 0


@dataclass(frozen=True, kw_only=True)
class AuditListing:
    """Which entries to show. Whatever an address says that makes no sense counts as not said."""

    who: str = ""
    action: str = ""
    subject: str = ""
    subject_id: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    page: int = 1

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "AuditListing":
        subject, subject_id = choice(SUBJECTS, args.get("subject", "")), text(args.get("id", ""), 40)
        is_one = bool(subject and subject_id)
        return cls(
            who=text(args.get("who", "")),
            action=choice(CHOICES, args.get("action", "")),
            subject=subject if is_one else "",
            subject_id=subject_id if is_one else "",
            since=day(args.get("since", "")),
            until=day(args.get("until", "")),
            page=page_number(args),
        )

    def filters(self) -> EntryFilters:
        until = self.until + dt.timedelta(days=1) if self.until else None
        zone = ZoneInfo(current_app.config["DEFAULT_TIMEZONE"])
        return EntryFilters(
            actor_id=self._actor_id(),
            action=self.action,
            subject=self.subject,
            subject_id=self.subject_id,
            since=day_start(self.since, zone),
            until=day_start(until, zone),
        )

    def page_address(self, number: int) -> str:
        return self._address({"page": number if number > 1 else ""})

    @property
    def about_all(self) -> str:
        """The same about everything and everybody."""
        return self._address({"subject": "", "id": ""})

    @property
    def is_narrowed(self) -> bool:
        return self.page_address(1) != url_for("dashboard.audit_log")

    def _address(self, changes: Mapping[str, str | int]) -> str:
        said = {"who": self.who, "action": self.action, "subject": self.subject, "id": self.subject_id}
        days = {"since": self.since, "until": self.until}
        told: dict[str, Any] = {name: str(value) for name, value in (said | days | dict(changes)).items() if value}
        return url_for("dashboard.audit_log", **told)

    def _actor_id(self) -> int | None:
        if not self.who:
            return None
        user = find_user_by_login(self.who)
        return user.id if user else NOBODY


@blueprint.get(f"{PREFIX}/audit")
def audit_log() -> Response:
    listing = AuditListing.read(request.args)
    page = list_entries(by=signed_in_user(), filters=listing.filters(), page=listing.page)
    mails = {entry.written.subject_id for entry in page.items if entry.written.subject == "mail" and entry.written.subject_id}
    response = render(
        "dashboard/admin/audit.html",
        "dashboard/admin/_audit_table.html",
        listing=listing,
        page=page,
        recipients=name_recipients(mails),
        choices=CHOICES,
        subjects=SUBJECTS,
        words=entry_label,
        changes=change_labels,
    )
    response.headers["HX-Push-Url"] = listing.page_address(listing.page)
    return response
