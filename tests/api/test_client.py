"""A client that knows the contract and nothing else: it talks HTTP to a running site with its worker, row by row.

Each row names the fields of the answer in order; whatever is more, less or otherwise fails.
"""

import datetime as dt
import json
import re
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from tests.factories import PASSWORD, make_organizer, make_superuser

REGISTERED = ["id", "username", "email", "token", "expires_at"]
PROFILE = [
    "id", "username", "email", "first_name", "last_name", "phone_number", "address", "is_staff", "is_superuser",
    "is_email_confirmed", "pending_email",
]  # fmt: skip
SAVED = ["event_id", "name", "venue", "time", "capacity"]
PAGE = ["count", "next", "previous", "results"]
MANAGED = ["id", "name", "venue", "time", "capacity", "available_tickets", "price_per_ticket", "organizer", "is_active", "created_at"]
DETAILS = [
    "id", "name", "venue", "time", "capacity", "description", "price_per_ticket", "organizer", "is_active", "available_tickets",
    "total_bookings", "utilization_percentage", "created_at", "updated_at",
]  # fmt: skip
PUBLIC = ["id", "name", "venue", "time", "capacity", "available_tickets", "price_per_ticket", "description", "organizer"]
BOOKED = ["id", "event", "user", "ticket_count", "total_amount", "booking_date", "status", "task_id"]
HISTORY = ["id", "event", "ticket_count", "total_amount", "booking_date", "status"]
TOLD = ["status", "message", "event_id", "users_notified", "email_tasks_queued", "users_without_email"]
NOTIFIED = {"message": "Doors at seven", "subject": "Tonight"}
IN_MAY = (dt.datetime.now(dt.UTC) + dt.timedelta(days=200)).strftime("%Y-%m-%dT19:30:00Z")


@dataclass
class Client:
    """One user of the API. `call` answers with the body and insists on the status."""

    base: str
    token: str | None = None
    scheme: str = "Token"

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"{self.scheme} {self.token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(path if "://" in path else self.base + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as response:
                found, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                found, content = error.code, error.read()
        assert found == status, (method, path, found, content)
        return json.loads(content)

    def refused(self, method: str, path: str, body: Any = None, *, status: int) -> str:
        """The stable code."""
        answer = self.call(method, path, body, status)
        assert list(answer) == ["error", "details"]
        assert isinstance(answer["error"], str)
        return answer["details"]["code"]


@dataclass
class World:
    """A running site, and everybody who asks it something."""

    base: str
    guest: Client
    organizer: Client
    admin: Client

    def log_in(self, username: str) -> Client:
        answer = Client(self.base).call("POST", "user/auth/login/", {"username": username, "password": PASSWORD})
        assert list(answer) == ["token", "expires_at"]
        return Client(self.base, answer["token"])

    def new_event(self, name: str) -> str:
        body = {"name": name, "venue": "Hall", "time": IN_MAY, "capacity": 10, "description": "Late.", "price_per_ticket": 12.5}
        answer = self.organizer.call("POST", "admin/events/", body, 201)
        assert list(answer) == SAVED
        assert answer == {"event_id": str(uuid.UUID(answer["event_id"])), "name": name, "venue": "Hall", "time": IN_MAY, "capacity": 10}
        return answer["event_id"]


def register(base, username):
    body = {
        "username": username, "email": f"{username}@example.org", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace",
        "phone_number": "+44207946", "address": "London",
    }  # fmt: skip
    answer = Client(base).call("POST", "user/auth/register/", body, 201)
    assert list(answer) == REGISTERED
    assert (type(answer["id"]), answer["username"], answer["email"]) == (int, username, body["email"])
    return Client(base, answer["token"])


def decided(client, booking_id):
    deadline = time.monotonic() + 10
    while (booking := client.call("GET", f"bookings/{booking_id}/"))["status"] == "processing" and time.monotonic() < deadline:
        time.sleep(0.05)
    return booking


def book(client, event_id, tickets=2, **more):
    booking = client.call("POST", "bookings/", {"event_id": event_id, "number_of_tickets": tickets, **more}, 201)
    assert decided(client, booking["id"])["status"] == "confirmed"
    return booking["id"]


def accounts(world):
    base, guest = world.base, world.guest
    me = guest.call("GET", "user/auth/me/")
    assert list(me) == PROFILE
    assert (me["address"], me["is_staff"], me["is_superuser"]) == ("London", False, False)
    assert list(guest.call("PATCH", "user/auth/me/", {"address": "Paris"})) == PROFILE
    assert guest.call("GET", "user/auth/me/")["address"] == "Paris"
    other = world.log_in("ada")
    other.scheme = "Bearer"
    assert other.call("POST", "user/auth/logout/") == {"status": "logged_out"}
    other.refused("GET", "user/auth/me/", status=401)
    guest.call("GET", "user/auth/me/")
    Client(base).refused("GET", "user/auth/me/", status=401)


def events_for_everybody(world):
    anybody, event = Client(world.base), world.new_event("Jazz")
    page = anybody.call("GET", "user/events/?search=jazz&min_price=12.5&max_price=12.5&available_only=true&ordering=-price_per_ticket")
    assert list(page) == PAGE
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)
    (found,) = page["results"]
    assert list(found) == PUBLIC
    assert (found["id"], found["price_per_ticket"], found["available_tickets"], found["organizer"]) == (event, 12.5, 10, "gaswerk")
    assert anybody.call("GET", f"user/events/{event}/") == found
    availability = anybody.call("GET", f"events/{event}/availability/")
    assert list(availability.items()) == [("event_id", event), ("available_tickets", 10), ("exact", True)]
    assert anybody.call("GET", f"user/events/?date_from={IN_MAY[:10]}&date_to={IN_MAY[:10]}&venue=hall&nonsense=1")["count"] == 1
    assert anybody.call("GET", "user/events/?date_to=2020-01-01")["count"] == 0
    assert anybody.refused("GET", "user/events/?page=2", status=404)
    assert anybody.refused("GET", "user/events/?ordering=nonsense", status=422)


def pages_are_walked_by_their_links(world):
    base, organizer = world.base, world.organizer
    for number in range(3):
        organizer.call("POST", "admin/events/", {"name": f"Night {number}", "venue": "Hall", "time": IN_MAY, "capacity": 5}, 201)
    anybody, seen, address = Client(base), [], "user/events/?page_size=1&search=night&ordering=created_at"
    while address:
        page = anybody.call("GET", address)
        seen += [event["name"] for event in page["results"]]
        address = page["next"]
    assert seen == ["Night 0", "Night 1", "Night 2"]
    assert page["previous"].startswith("http://")
    assert "search=night" in page["previous"]


def a_booking_from_asking_to_giving_back(world):
    guest, event = world.guest, world.new_event("Blues")
    booking = guest.call("POST", "bookings/", {"event_id": event, "number_of_tickets": 2}, 201)
    assert list(booking) == BOOKED
    assert booking["event"] == {"id": event, "name": "Blues"}
    assert list(booking["user"]) == ["id", "username"]
    assert (booking["ticket_count"], booking["total_amount"], booking["status"]) == (2, 25.0, "processing")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", booking["booking_date"])
    assert booking["task_id"]
    final = decided(guest, booking["id"])
    assert list(final) == [*BOOKED, "position", "decided_per_second", "timeline", "added_by", "accepted_at"]
    assert final["status"] == "confirmed"
    page = guest.call("GET", f"users/{booking['user']['id']}/bookings/?status=confirmed")
    assert list(page) == PAGE
    (row,) = page["results"]
    assert (list(row), list(row["event"])) == (HISTORY, ["id", "name", "venue", "time"])
    cancelled = guest.call("DELETE", f"bookings/{booking['id']}/")
    assert list(cancelled.items()) == [("booking_id", booking["id"]), ("status", "cancelled")]
    assert guest.refused("DELETE", f"bookings/{booking['id']}/", status=409) == "already_cancelled"
    assert guest.call("GET", f"events/{event}/availability/")["available_tickets"] == 10
    world.organizer.refused("GET", f"users/{booking['user']['id']}/bookings/", status=403)


def booking_for_somebody_else(world):
    guest, event = world.guest, world.new_event("Swing")
    me = guest.call("GET", "user/auth/me/")["id"]
    body = {"user_id": me, "event_id": event, "number_of_tickets": 1}
    world.organizer.refused("POST", "bookings/", body, status=403)
    assert world.admin.call("POST", "bookings/", body, 201)["user"] == {"id": me, "username": "ada"}


def managing_events(world):
    guest, organizer, event = world.guest, world.organizer, world.new_event("Opera")
    assert list(organizer.call("PUT", f"admin/events/{event}/", {"capacity": 20})) == SAVED
    for client in (organizer, world.admin):
        page = client.call("GET", "admin/events/list/?status=upcoming&is_active=true&search=opera&ordering=-capacity")
        assert list(page) == PAGE
        assert list(page["results"][0]) == MANAGED
    details = organizer.call("GET", f"admin/events/{event}/details/")
    assert list(details) == DETAILS
    assert list(details["organizer"]) == ["id", "username", "email"]
    booking = book(guest, event)
    details = organizer.call("GET", f"admin/events/{event}/details/")
    assert (details["total_bookings"], details["utilization_percentage"], details["available_tickets"]) == (1, 10.0, 18)
    assert organizer.refused("DELETE", f"admin/events/{event}/delete/", status=409)
    told = organizer.call("POST", f"admin/events/{event}/notify/", NOTIFIED)
    assert list(told) == TOLD
    assert (told["status"], told["users_notified"], len(told["email_tasks_queued"]), told["users_without_email"]) == ("success", 1, 1, 0)
    guest.call("DELETE", f"bookings/{booking}/")
    deleted = organizer.call("DELETE", f"admin/events/{event}/delete/")
    assert list(deleted.items()) == [("event_id", event), ("status", "deleted")]
    assert guest.refused("GET", f"user/events/{event}/", status=404)
    guest.refused("POST", "admin/events/", {"name": "x", "venue": "y", "time": IN_MAY, "capacity": 1}, status=403)


def figures(world):
    guest, organizer, event = world.guest, world.organizer, world.new_event("Musical")
    first, _ = book(guest, event), book(guest, event, 3)
    guest.call("DELETE", f"bookings/{first}/")
    for client in (organizer, world.admin):
        overview = client.call("GET", "admin/analytics/")
        assert list(overview) == ["total_bookings", "most_popular_events", "capacity_utilization"]
        # Of the steps before, nothing is confirmed any more but what was booked for somebody else.
        assert overview["total_bookings"] == 2
        assert {"event_id": event, "name": "Musical", "bookings": 1} in overview["most_popular_events"]
        assert {"event_id": event, "name": "Musical", "utilization_percentage": 30.0} in overview["capacity_utilization"]
    report = organizer.call("GET", f"admin/analytics/{event}/")
    assert list(report) == ["event_id", "total_bookings", "cancellation_rate", "daily_bookings"]
    assert (report["total_bookings"], report["cancellation_rate"]) == (1, 50.0)
    assert [list(day) for day in report["daily_bookings"]] == [["date", "bookings"]]
    assert sum(day["bookings"] for day in report["daily_bookings"]) == 1


def people(world):
    guest, admin, event = register(world.base, "test-guest"), world.admin, world.new_event("Ballet")
    staff = admin.call("POST", "admin/users/staff/", {"username": "grace", "email": "grace@example.org", "password": PASSWORD}, 201)
    assert list(staff) == ["id", "username", "email", "is_staff"]
    assert staff["is_staff"] is True
    grace = world.log_in("grace")
    assert grace.call("GET", f"admin/events/{event}/details/")["id"] == event
    grace.refused("POST", "admin/users/bulk_delete/", {"prefix": "test-"}, status=403)
    book(guest, event)
    for more, left in (({"dry_run": True}, 8), ({}, 10)):
        answer = admin.call("POST", "admin/users/bulk_delete/", {"prefix": "test-", **more})
        assert list(answer.items()) == [("deleted_users", 1), ("prefix", "test-")]
        assert admin.call("GET", f"events/{event}/availability/")["available_tickets"] == left
    guest.refused("GET", "user/auth/me/", status=401)


def health(world):
    health = Client(world.base).call("GET", "health/")
    assert list(health) == ["status", "celery", "workers", "broker", "processes", "message"]
    assert (health["workers"], len(health["processes"])) == (1, 1)


def refusals(world):
    anybody, guest, event = Client(world.base), register(world.base, "marcel"), world.new_event("Mime")
    assert anybody.refused("PUT", "user/events/", {}, status=405)
    assert anybody.refused("GET", "nothing/", status=404)
    for value in ("2", 1.5, 10**12, None, [1]):
        assert guest.refused("POST", "bookings/", {"event_id": event, "number_of_tickets": value}, status=422)
    for body in ([], "text"):
        assert guest.refused("POST", "bookings/", body, status=422)
    for event_id in ("1", "x", "%00", "9" * 300):
        assert anybody.refused("GET", f"user/events/{event_id}/", status=404)


STEPS = (
    accounts, events_for_everybody, pages_are_walked_by_their_links, a_booking_from_asking_to_giving_back, booking_for_somebody_else,
    managing_events, figures, people, health, refusals,
)  # fmt: skip


def test_a_client_that_knows_the_contract_only(live_server):
    make_organizer(username="gaswerk")
    make_superuser(username="root")
    base = f"{live_server}/api/"
    world = World(base, guest=register(base, "ada"), organizer=Client(base), admin=Client(base))
    world.organizer, world.admin = world.log_in("gaswerk"), world.log_in("root")
    for step in STEPS:
        step(world)
