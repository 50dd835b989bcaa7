"""People, for superusers: found, shut out, let in, given roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for

from evently.accounts import admin_queries, suspension
from evently.accounts.admin_queries import UserFilters, get_user_summary
from evently.accounts.models import User
from evently.accounts.roles import change_role
from evently.dashboard import blueprint
from evently.dashboard.admin import PREFIX, redirect_with_notice
from evently.dashboard.audit_labels import entry_label
from evently.http.formatting import counted
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.http.query_params import choice, text
from evently.reporting.audit_log import EntryFilters, list_entries

PERSON = f"{PREFIX}/users/<int(max=2147483647):user_id>"
ROLE_CHOICES = {"": "Anybody", "organizer": "Organizers", "staff": "Staff", "superuser": "Superusers", "none": "Attendees only"}
STATE_CHOICES = {"": "Any state", "active": "Active", "suspended": "Suspended", "unconfirmed": "Address not confirmed", "closed": "Closed"}
SORTS = {"": "Newest first", "id": "Oldest first", "username": "By username"}
CHOICES = {"role": ROLE_CHOICES, "state": STATE_CHOICES, "sort": SORTS}
# entries of the audit log on a person's page
LATEST = 5


@dataclass(frozen=True, kw_only=True)
class UserListing:
    """Whom to show. Whatever an address says that makes no sense counts as not said."""

    search: str = ""
    role: str = ""
    state: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "UserListing":
        chosen = {name: choice(choices, args.get(name, "")) for name, choices in CHOICES.items()}
        return cls(search=text(args.get("q", "")), page=page_number(args), **chosen)

    def filters(self) -> UserFilters:
        return UserFilters(search=self.search, role=self.role, state=self.state, ordering=self.sort or "-id")

    def page_address(self, number: int) -> str:
        said: dict[str, Any] = {
            "q": self.search,
            "role": self.role,
            "state": self.state,
            "sort": self.sort,
            "page": number if number > 1 else "",
        }
        return url_for("dashboard.list_users", **{name: value for name, value in said.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.role or self.state)


@blueprint.get(f"{PREFIX}/users")
def list_users() -> Response:
    listing = UserListing.read(request.args)
    page = admin_queries.list_users(by=signed_in_user(), filters=listing.filters(), page=listing.page)
    response = render("dashboard/admin/users.html", "dashboard/admin/_people_table.html", listing=listing, page=page, choices=CHOICES)
    response.headers["HX-Push-Url"] = listing.page_address(listing.page)
    return response


@blueprint.get(PERSON)
def show_user(user_id: int) -> Response:
    return show_person(user_id)


@blueprint.post(f"{PERSON}/role")
def change_user_role(user_id: int) -> Response:
    role, is_held = request.form.get("role", ""), request.form.get("is_held") == "yes"
    user = change_role(by=signed_in_user(), user_id=user_id, role=role, is_held=is_held)
    return _back_to_user(user, f"{user.full_name} is {'now' if is_held else 'no longer'} {role}.")


@blueprint.post(f"{PERSON}/suspension")
def suspend_user(user_id: int) -> Response:
    user = suspension.suspend(by=signed_in_user(), user_id=user_id)
    return _back_to_user(user, f"{user.full_name} is suspended and signed out everywhere.")


@blueprint.post(f"{PERSON}/reinstatement")
def reinstate_user(user_id: int) -> Response:
    user = suspension.reinstate(by=signed_in_user(), user_id=user_id)
    return _back_to_user(user, f"{user.full_name} can sign in again.")


@blueprint.post(f"{PERSON}/sessions/end")
def end_user_sessions(user_id: int) -> Response:
    ended = suspension.revoke_sessions(by=signed_in_user(), user_id=user_id)
    return _back_to_user(user_id, f"Signed out of {counted(ended, 'browser')}.")


@blueprint.post(f"{PERSON}/tokens/end")
def end_user_tokens(user_id: int) -> Response:
    ended = suspension.revoke_tokens(by=signed_in_user(), user_id=user_id)
    return _back_to_user(user_id, f"{counted(ended, 'token')} revoked.")


def _back_to_user(user: User | int, news: str) -> Response:
    user_id = user if isinstance(user, int) else user.id
    return redirect_with_notice(news, url_for("dashboard.show_user", user_id=user_id), lambda said: show_person(user_id, said))


def show_person(user_id: int, news: str = "") -> Response:
    by = signed_in_user()
    person = get_user_summary(by=by, user_id=user_id)
    entries = list_entries(by=by, filters=EntryFilters(subject="user", subject_id=str(user_id)), size=LATEST)
    context: dict[str, Any] = {"person": person, "user": person.user, "entries": entries, "words": entry_label, "news": news}
    return render("dashboard/admin/user.html", "dashboard/admin/_person.html", is_oneself=by.id == user_id, **context)
