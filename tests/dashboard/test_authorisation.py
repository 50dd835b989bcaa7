"""Every address of the dashboard and every kind of person: a new address fails here until it has a row."""

import json
import uuid
from typing import Any

import pytest
from flask import Flask, url_for
from sqlalchemy import select
from werkzeug.test import TestResponse

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.events.import_jobs import start_import
from evently.events.import_rows import ImportDefaults
from evently.events.models import Event, ImportJob
from evently.extensions import db
from evently.notifications.messages import send_message
from evently.notifications.models import Mail, Message
from tests.factories import log_in, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user
from tests.harness.site import fresh
from tests.harness.visitor import Visitor

# Who may do what is decided before the database is asked.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)

# Everybody who organizes; who manages the event; only whose file it is; superusers.
ORGANIZERS, MANAGERS, OWNER, SUPERUSERS = "organizers", "managers", "owner", "superusers"
ROWS = {
    "home": ORGANIZERS,
    "list_events": ORGANIZERS,
    "new_event": ORGANIZERS,
    "create_event": ORGANIZERS,
    "preview_description": ORGANIZERS,
    "import_events": ORGANIZERS,
    "upload_events": ORGANIZERS,
    "show_upload": OWNER,
    "confirm_upload": OWNER,
    "discard_upload": OWNER,
    "show_event": MANAGERS,
    "edit_event": MANAGERS,
    "update_event": MANAGERS,
    "show_change_preview": MANAGERS,
    "publish_event": MANAGERS,
    "cancel_event": MANAGERS,
    "confirm_cancellation": MANAGERS,
    "preview_cancellation_mail": MANAGERS,
    "show_cancellation_mail": MANAGERS,
    "discard_draft": MANAGERS,
    "copy_event": MANAGERS,
    "preview_event": MANAGERS,
    "list_attendees": MANAGERS,
    "attendees_csv": MANAGERS,
    "attendees_xlsx": MANAGERS,
    "export_attendees": MANAGERS,
    "show_export_progress": MANAGERS,
    "new_attendee": MANAGERS,
    "add_attendee": MANAGERS,
    "show_attendee": MANAGERS,
    "plan_attendee_action": MANAGERS,
    "begin_attendee_action": MANAGERS,
    "show_attendee_action": MANAGERS,
    "check_in": MANAGERS,
    "scan": MANAGERS,
    "undo_check_in": MANAGERS,
    "show_turnout": MANAGERS,
    "print_door_list": MANAGERS,
    "analytics": ORGANIZERS,
    "analytics_csv": ORGANIZERS,
    "event_analytics": MANAGERS,
    "event_analytics_csv": MANAGERS,
    "event_messages": MANAGERS,
    "send_event_message": MANAGERS,
    "preview_event_message": MANAGERS,
    "show_preview_of_message": MANAGERS,
    "test_message": MANAGERS,
    "count_readers": MANAGERS,
    "show_message": MANAGERS,
    "retry_message": MANAGERS,
    "list_users": SUPERUSERS,
    "show_user": SUPERUSERS,
    "suspend_user": SUPERUSERS,
    "reinstate_user": SUPERUSERS,
    "change_user_role": SUPERUSERS,
    "end_user_sessions": SUPERUSERS,
    "end_user_tokens": SUPERUSERS,
    "new_staff": SUPERUSERS,
    "add_staff": SUPERUSERS,
    "remove_users": SUPERUSERS,
    "confirm_removal": SUPERUSERS,
    "failed_mail": SUPERUSERS,
    "retry_failed_mail": SUPERUSERS,
    "retry_all_failed_mail": SUPERUSERS,
    "workers": SUPERUSERS,
    "audit_log": SUPERUSERS,
}
# Who is let in where; everybody else is told so, or asked to log in.
MAY = {
    "its organizer": {ORGANIZERS, MANAGERS, OWNER},
    "other organizer": {ORGANIZERS},
    "staff": {ORGANIZERS, MANAGERS},
    "superuser": {ORGANIZERS, MANAGERS, SUPERUSERS},
    "attendee": set(),
    "anonymous": set(),
    "suspended": set(),
}


@pytest.fixture
def people(app: Flask, mira: User) -> dict[str, User | None]:
    attendee = make_user()
    return {
        "its organizer": mira,
        "other organizer": make_organizer(),
        "staff": make_staff(),
        "superuser": make_superuser(),
        "attendee": attendee,
        "anonymous": None,
        "suspended": make_organizer(is_active=False),
    }


@pytest.fixture
def values(mira: User, people: dict[str, User | None]) -> dict[str, Any]:
    """What the addresses name: all of it is there, but an action on many bookings."""
    event = make_event(by=mira)
    booking = make_booking(event=event, user=people["attendee"])
    send_message(by=mira, event_id=event.id, audience="everyone", subject="Doors", body="At seven.")
    mail = db.session.scalars(select(Mail).where(Mail.message_id.is_not(None))).first()
    assert mail
    content = json.dumps([{"name": "Walk", "venue": "Wood", "start": "2034-06-01"}]).encode()
    upload = start_import(by=mira, filename="walks.json", content=content, fills=ImportDefaults(capacity=9))
    return {
        "event_id": event.id,
        "booking_id": booking.id,
        "message_id": mail.message_id,
        "mail_id": mail.id,
        "upload_id": upload.id,
        "action_id": uuid.uuid4(),
        "user_id": booking.user_id,
        "kind": "cancel",
        "name": "bookings",
    }


def endpoints(app: Flask) -> list[tuple[str, str, set[str]]]:
    """Name, method and arguments of every address of the dashboard."""
    return [
        (rule.endpoint.removeprefix("dashboard."), method, rule.arguments)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.")
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
    ]


def state() -> list[tuple[Any, ...]]:
    """Whatever these addresses could change."""
    fresh()
    rows = [row for model in (Event, Booking, Message, ImportJob, User) for row in db.session.scalars(select(model)).unique()]
    return [tuple(getattr(row, name, None) for name in ("id", "status", "state", "is_active", "updated_at")) for row in rows]


def is_refused(answer: TestResponse) -> bool:
    to_login = answer.status_code == 303 and answer.location.startswith("/login")
    return to_login or answer.status_code in {401, 403, 404}


def test_every_address_has_a_row(app: Flask):
    assert {name for name, *_ in endpoints(app)} == ROWS.keys()


def test_who_gets_in_where_and_who_is_refused_changes_nothing(app: Flask, people: dict[str, User | None], values: dict[str, Any]):
    """Nothing is done by those who may: what comes of it is tested where it is done."""
    before, wrong = state(), []
    for person, user in people.items():
        visitor = Visitor(log_in(app.test_client(), user) if user else app.test_client())
        token = visitor.token("/account" if user and user.is_active else "/login")
        for name, method, arguments in endpoints(app):
            may = ROWS.get(name) in MAY[person]
            if may and (method == "POST" or "action_id" in arguments):
                continue
            with app.test_request_context():
                address = url_for(f"dashboard.{name}", **{argument: values[argument] for argument in arguments})
            answer = visitor.client.open(address, method=method, data={"csrf_token": token} if method == "POST" else None)
            if is_refused(answer) == may or answer.status_code >= 500 or answer.status_code == 400:
                wrong.append((person, method, name, answer.status_code))
    assert wrong == []
    assert state() == before
