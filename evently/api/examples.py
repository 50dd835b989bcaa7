"""An example for every shape of the API, by the name of its schema. Dates are counted from the day on which they are shown."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class OnDay:
    """So many days after today, at this time of day if one is given."""

    days: int
    time: str = ""


def dated(example: Any, today: dt.date) -> Any:
    """A copy with the dates of this day: the same all day long, so that tags and caches of what shows it hold."""
    if isinstance(example, dict):
        return {name: dated(value, today) for name, value in example.items()}
    if isinstance(example, list):
        return [dated(value, today) for value in example]
    return f"{today + dt.timedelta(example.days)}{example.time}" if isinstance(example, OnDay) else example


EVENT_ID, BOOKING_ID = "6f1c2a9e-8d3b-4c57-9a40-2f7e1b5d8c36", "b3f0c1d2-5a64-4e0b-8c1f-0d9a7e6b5c43"
TASK_ID, MAIL_ID = "1c0a5d5e-7a43-4d35-9d0f-6f6b1f1c9a10", "7c329560-f4c3-54b1-9c6e-81602b68971b"
TOKEN = "5f2b8c0d9e4a7163b0c2d4e6f8a1b3c5d7e9f0a2"  # noqa: S105 - it opens nothing
TIME, EXPIRY, ADMITTED = OnDay(45, "T19:30:00Z"), OnDay(90, "T10:00:00Z"), OnDay(-1, "T19:02:11.123456Z")
BOOKED, CREATED = OnDay(-12, "T08:15:30.123456Z"), OnDay(-40, "T10:00:00Z")
ADDRESS = "https://tickets.example.org/api"

PERSON = {"username": "mira", "email": "mira@example.org"}
NAMES = {"first_name": "Mira", "last_name": "Tälberg", "phone_number": "+49 341 55 01", "address": "Karl-Heine-Straße 1, Leipzig"}
PASSWORD = {"password": "correct horse battery"}
WHERE = {"name": "Nachtkonzert im Gasometer", "venue": "Gaswerk Nord, Halle 2", "time": TIME, "capacity": 400}
TEXT = {"description": "Organ and saxophone, in the round."}
PRICE, LEFT = {"price_per_ticket": Decimal("24.00")}, {"available_tickets": 137}
BOOKED_EVENT = {"id": EVENT_ID, "name": WHERE["name"]}
BOOKING = {"ticket_count": 2, "total_amount": Decimal("48.00"), "booking_date": BOOKED}
HOLDER = {"id": 42, "username": "mira"}
MANAGED = {"id": EVENT_ID, **WHERE, **LEFT, **PRICE, "organizer": "gaswerk", "is_active": True, "created_at": CREATED}
PUBLIC = {"id": EVENT_ID, **WHERE, **LEFT, **PRICE, **TEXT, "organizer": "gaswerk"}
HISTORY = {"id": BOOKING_ID, "event": {**BOOKED_EVENT, "venue": WHERE["venue"], "time": TIME}, **BOOKING, "status": "confirmed"}
PLACED = {"id": BOOKING_ID, "event": BOOKED_EVENT, "user": HOLDER, **BOOKING, "status": "processing", "task_id": TASK_ID}
ATTENDEE = {
    "id": BOOKING_ID, "reference": "EV-7K4M-29QD", "user": {**HOLDER, "name": "Mira Tälberg", "email": "mira@example.org"},
    **BOOKING, "currency": "EUR", "checked_in": 0, "status": "confirmed",
}  # fmt: skip
TURNOUT = {"inside": 312, "expected": 388, "percentage": 80, "last_ten_minutes": 58}
FIGURE = {"event_id": EVENT_ID, "name": WHERE["name"]}


def _page(path: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"count": 21, "next": f"{ADDRESS}{path}?page=3", "previous": f"{ADDRESS}{path}?page=1", "results": list(items)}


EXAMPLES: dict[str, dict[str, Any]] = {
    "Registration": {**PERSON, **PASSWORD, **NAMES},
    "Registered": {"id": 42, **PERSON, "token": TOKEN, "expires_at": EXPIRY},
    "Credentials": {"username": "mira", **PASSWORD},
    "LoggedIn": {"token": TOKEN, "expires_at": EXPIRY},
    "LoggedOut": {"status": "logged_out"},
    "Profile": {"id": 42, **PERSON, **NAMES, "is_staff": False, "is_superuser": False, "is_email_confirmed": True, "pending_email": None},
    "ProfileChanges": {"phone_number": "+49 341 55 02"},
    "NewEvent": {**WHERE, **TEXT, **PRICE, "timezone": "Europe/Berlin", "category": "music"},
    "EventChanges": {"capacity": 450},
    "SavedEvent": {"event_id": EVENT_ID, **WHERE},
    "Cancellation": {"message": "The organ is broken. Whoever has paid gets the money back within two weeks."},
    "CancelledEvent": {"event_id": EVENT_ID, "status": "cancelled"},
    "DeletedEvent": {"event_id": EVENT_ID, "status": "deleted"},
    "Announcement": {"message": "Doors open at seven. Bring something warm.", "subject": "Tonight in the Gasometer"},
    "Announced": {
        "status": "success",
        "message": "1 mail is on the way.",
        "event_id": EVENT_ID,
        "users_notified": 1,
        "email_tasks_queued": [MAIL_ID],
        "users_without_email": 0,
    },
    "Delivery": {
        "id": MAIL_ID, "event_id": EVENT_ID, "status": "sent", "attempts": 1, "last_error": None,
        "created_at": BOOKED, "tried_at": BOOKED, "sent_at": BOOKED,
    },
    "ManagedEventPage": _page("/admin/events/list/", MANAGED),
    "ManagedEventDetails": {
        "id": EVENT_ID, **WHERE, **TEXT, **PRICE,
        "organizer": {"id": 7, "username": "gaswerk", "email": "box-office@gaswerk.example"},
        "is_active": True, **LEFT, "total_bookings": 118, "utilization_percentage": 65.75, "created_at": CREATED, "updated_at": BOOKED,
    },
    "CheckIn": {"code": "7K4M 29QD", "gate": "Door A"},
    "CheckedIn": {
        "verdict": "valid", "event": BOOKED_EVENT, "booking_id": BOOKING_ID, "holder": "Mira Tälberg", "seats": [2],
        "door_opens_at": None, "admitted_at": ADMITTED, "gate": "Door A", "admitted_by": "gaswerk", "turnout": TURNOUT,
    },
    "Turnout": TURNOUT,
    "UndoneCheckIn": {"booking_id": BOOKING_ID, "seat": 2, "status": "undone"},
    "PublicEventPage": _page("/user/events/", PUBLIC),
    "PublicEvent": PUBLIC,
    "Availability": {"event_id": EVENT_ID, **LEFT, "exact": True},
    "NewBooking": {"event_id": EVENT_ID, "number_of_tickets": 2, "expected_price": PRICE["price_per_ticket"]},
    "Booking": PLACED,
    "BookingDetails": {
        **PLACED, "position": 3, "decided_per_second": 412.5, "timeline": [{"step": "received", "time": BOOKED}],
        "added_by": None, "accepted_at": None,
    },
    "AcceptedBooking": {"booking_id": BOOKING_ID, "accepted_at": BOOKED},
    "CancelledBooking": {"booking_id": BOOKING_ID, "status": "cancelled"},
    "BookingInHistoryPage": _page("/users/42/bookings/", HISTORY),
    "AttendeePage": _page(f"/admin/events/{EVENT_ID}/bookings/", ATTENDEE),
    "Overview": {
        "total_bookings": 118,
        "most_popular_events": [{**FIGURE, "bookings": 118}],
        "capacity_utilization": [{**FIGURE, "utilization_percentage": 65.75}],
    },
    "EventReport": {
        "event_id": EVENT_ID, "total_bookings": 118, "cancellation_rate": 4.84,
        "daily_bookings": [{"date": OnDay(-12), "bookings": 97}, {"date": OnDay(-11), "bookings": 21}],
    },
    "NewStaff": {"username": "grace", "email": "grace@example.org", **PASSWORD},
    "Staff": {"id": 43, "username": "grace", "email": "grace@example.org", "is_staff": True},
    "PeopleToDelete": {"prefix": "load-test-", "dry_run": True},
    "DeletedPeople": {"deleted_users": 250, "prefix": "load-test-"},
    "Health": {
        "status": "healthy", "celery": "running", "workers": 2, "broker": "redis://***@127.0.0.1:6379/0",
        "processes": ["bookings", "rest"], "message": "Database, broker and workers are well.",
    },
}  # fmt: skip
