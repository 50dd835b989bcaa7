"""Who may call what: every address of the API, asked by everybody."""

import itertools
import uuid
from dataclasses import dataclass

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.bookings.check_ins import check_in_seats
from evently.bookings.models import Booking
from evently.events.models import Event
from evently.notifications.messages import send_message
from evently.notifications.queries import summarize_recipients
from tests.factories import (
    PASSWORD,
    auth,
    make_booking,
    make_event,
    make_manual_booking,
    make_organizer,
    make_staff,
    make_superuser,
    make_user,
)

ROLES = ("anonymous", "attendee", "other attendee", "organizer", "other organizer", "staff", "superuser", "suspended")
_numbers = itertools.count(1)


@dataclass
class Scene:
    """An attendee's booking of an organizer's event, and everybody who might be curious."""

    people: dict[str, User | None]
    event: Event
    bare_event: Event
    booking: Booking
    mail: uuid.UUID


@pytest.fixture
def scene(app):
    people = {
        "anonymous": None,
        "attendee": make_user(),
        "other attendee": make_user(),
        "organizer": make_organizer(),
        "other organizer": make_organizer(),
        "staff": make_staff(),
        "superuser": make_superuser(),
        "suspended": make_superuser(is_active=False, is_staff=True, is_organizer=True),
    }
    event = make_event(by=people["organizer"], capacity=100)
    bare_event, booking = make_event(by=people["organizer"]), make_booking(user=people["attendee"], event=event, decided=False)
    message = send_message(by=event.organizer, event_id=event.id, audience="waiting", body="Patience.")
    return Scene(people, event, bare_event, booking, summarize_recipients(message).mail_ids[0])


def credentials(scene: Scene, role: str):
    person = scene.people[role]
    return {"username": person.username if person else "nobody", "password": PASSWORD}


def registration(_scene: Scene, _role: str):
    number = next(_numbers)
    return {"username": f"new{number}", "email": f"new{number}@example.org", "password": PASSWORD}


def new_event(_scene: Scene, _role: str):
    return {"name": "Night", "venue": "Hall", "time": "2030-06-01T20:00:00Z", "capacity": 5}


def own_booking(scene: Scene, _role: str):
    return {"event_id": str(scene.event.id), "number_of_tickets": 1}


def booking_for_attendee(scene: Scene, role: str):
    return own_booking(scene, role) | {"user_id": scene.people["attendee"].id}


def nothing_new(_scene: Scene, _role: str):
    return {}


def announcement(_scene: Scene, _role: str):
    return {"message": "Doors at seven."}


def unknown_ticket(_scene: Scene, _role: str):
    return {"code": "7K4M 29QD"}


def come_in(scene: Scene) -> uuid.UUID:
    booking = make_booking(event=scene.event)
    check_in_seats(by=scene.people["staff"], event_id=scene.event.id, booking_id=booking.id)
    return booking.id


def deletion(_scene: Scene, _role: str):
    return {"prefix": "load-test-"}


EVERYBODY = 8 * (200,)
# One's own events for organizers, every event for staff.
MANAGERS = (401, 403, 403, 200, 403, 200, 200, 401)
ORGANIZERS = (401, 403, 403, 200, 200, 200, 200, 401)
SUPERUSERS = (401, 403, 403, 403, 403, 403, 200, 401)
ACCOUNTS = (401, 200, 200, 200, 200, 200, 200, 401)
# (endpoint, path, body, status by role in the order of ROLES)
MATRIX = [
    ("POST", "register", "/user/auth/register/", registration, 8 * (201,)),
    ("POST", "login", "/user/auth/login/", credentials, ACCOUNTS),
    ("POST", "logout", "/user/auth/logout/", None, ACCOUNTS),
    ("GET", "show_profile", "/user/auth/me/", None, ACCOUNTS),
    ("PATCH", "change_profile", "/user/auth/me/", nothing_new, ACCOUNTS),
    ("POST", "create_event", "/admin/events/", new_event, (401, 403, 403, 201, 201, 201, 201, 401)),
    ("PUT", "update_event", "/admin/events/{event}/", nothing_new, MANAGERS),
    ("POST", "cancel_event", "/admin/events/{bare_event}/cancellation/", nothing_new, MANAGERS),
    ("DELETE", "delete_event", "/admin/events/{bare_event}/delete/", None, MANAGERS),
    ("GET", "list_managed_events", "/admin/events/list/", None, ORGANIZERS),
    ("GET", "show_managed_event", "/admin/events/{event}/details/", None, MANAGERS),
    ("GET", "list_event_bookings", "/admin/events/{event}/bookings/", None, MANAGERS),
    ("POST", "check_in", "/admin/events/{event}/check-in/", unknown_ticket, MANAGERS),
    ("DELETE", "undo_check_in", "/admin/events/{event}/check-in/{admitted}/1/", None, MANAGERS),
    ("GET", "show_turnout", "/admin/events/{event}/check-in/", None, MANAGERS),
    ("POST", "notify_attendees", "/admin/events/{event}/notify/", announcement, MANAGERS),
    ("GET", "show_mail", "/admin/mails/{mail}/", None, MANAGERS),
    ("GET", "show_overview", "/admin/analytics/", None, ORGANIZERS),
    ("GET", "show_event_report", "/admin/analytics/{event}/", None, MANAGERS),
    ("POST", "create_staff", "/admin/users/staff/", registration, (401, 403, 403, 403, 403, 403, 201, 401)),
    ("POST", "delete_users", "/admin/users/bulk_delete/", deletion, SUPERUSERS),
    ("GET", "show_health", "/health/", None, 8 * (503,)),
    ("GET", "reference.document", "/openapi.json", None, EVERYBODY),
    ("GET", "reference.show", "/docs/", None, EVERYBODY),
    ("GET", "list_events", "/user/events/", None, EVERYBODY),
    ("GET", "show_event", "/user/events/{event}/", None, EVERYBODY),
    ("GET", "show_availability", "/events/{event}/availability/", None, EVERYBODY),
    ("POST", "book_tickets", "/bookings/", own_booking, (401, 201, 201, 201, 201, 201, 201, 401)),
    ("POST", "book_tickets", "/bookings/", booking_for_attendee, (401, 201, 403, 403, 403, 201, 201, 401)),
    ("GET", "show_booking", "/bookings/{booking}/", None, (401, 200, 404, 200, 404, 200, 200, 401)),
    ("DELETE", "cancel_booking", "/bookings/{booking}/", None, (401, 200, 404, 200, 404, 200, 200, 401)),
    ("POST", "accept_booking", "/bookings/{manual}/acceptance/", None, (401, 200, 404, 404, 404, 404, 404, 401)),
    ("GET", "list_bookings", "/users/{attendee}/bookings/", None, (401, 200, 403, 403, 403, 200, 200, 401)),
]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row[1]} {row[3].__name__}" if row[3] else row[1])
def test_who_may_call_it(client, no_limits, scene, row):
    method, _, path, body, expected = row
    answers = {}
    for role, person in scene.people.items():
        if method == "DELETE" or "{bare_event}" in path:
            # The one before may be gone.
            scene.booking = make_booking(user=scene.people["attendee"], event=scene.event, decided=False)
            scene.bare_event = make_event(by=scene.people["organizer"])
        known = {"event": scene.event.id, "bare_event": scene.bare_event.id, "booking": scene.booking.id, "mail": scene.mail}
        if "{manual}" in path:
            known["manual"] = make_manual_booking(user=scene.people["attendee"], event=scene.event).id
        if "{admitted}" in path:
            known["admitted"] = come_in(scene)
        address = path.format(**known, attendee=scene.people["attendee"].id)
        sent = {"json": body(scene, role)} if body else {}
        answers[role] = client.open(f"/api{address}", method=method, headers=auth(person) if person else {}, **sent).status_code
    assert answers == dict(zip(ROLES, expected, strict=True))


def test_every_address_has_a_row(app: Flask):
    served = {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith("api_v1.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == {(method, endpoint if "." in endpoint else f"api.{endpoint}") for method, endpoint, *_ in MATRIX}
