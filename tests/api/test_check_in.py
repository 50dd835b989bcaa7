"""Check-in by JSON: the verdicts, taking it back, and what is refused."""

import datetime as dt
import uuid

import pytest

from evently.bookings.tickets import list_tickets
from tests.factories import make_booking, make_event, make_staff, make_user

# How it is decided is tested on both databases in tests/bookings/test_check_ins.py.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def booking(app):
    return make_booking(user=make_user(first_name="Ada", last_name="Quill"), tickets=3)


@pytest.fixture
def path(booking):
    return f"/admin/events/{booking.event_id}/check-in/"


def test_each_verdict_in_full(api, booking, path):
    organizer, staff = booking.event.organizer, make_staff()
    ticket = list_tickets(by=booking.user, booking_id=booking.id)[1]
    first = api("POST", path, {"code": ticket.signed, "gate": "Door A"}, by=organizer).json
    moment = first.pop("admitted_at")
    event = {"id": str(booking.event_id), "name": booking.event.name}
    known = {"event": event, "booking_id": str(booking.id), "holder": "Ada Quill", "gate": "Door A", "admitted_by": organizer.username}
    turnout = {"inside": 1, "expected": 3, "percentage": 33, "last_ten_minutes": 1}
    assert first == {"verdict": "valid", "seats": [2], "door_opens_at": None, **known, "turnout": turnout}
    again = api("POST", path, {"code": ticket.code, "gate": "Door B"}, by=staff).json
    assert again == {"verdict": "used", "seats": [2], "door_opens_at": None, **known, "turnout": turnout, "admitted_at": moment}
    rest = api("POST", path, {"booking_id": str(booking.id)}, by=staff).json
    assert (rest["verdict"], rest["seats"], rest["gate"], rest["turnout"]["percentage"]) == ("valid", [1, 3], "", 100)
    unknown = api("POST", path, {"code": "7K4M 29QD"}, by=staff).json
    nobody = dict.fromkeys(("event", "booking_id", "holder", "door_opens_at", "admitted_at", "gate", "admitted_by"))
    assert unknown == {"verdict": "unknown", **nobody, "seats": [], "turnout": rest["turnout"]}


def test_too_early_until_it_is_said_twice(api, app, booking, path, monkeypatch):
    monkeypatch.setitem(app.config, "DOOR_OPENS_HOURS", 2)
    body, by = {"booking_id": str(booking.id), "seat": 1}, booking.event.organizer
    early = api("POST", path, body, by=by).json
    opens_at = (booking.event.time - dt.timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert (early["verdict"], early["door_opens_at"], early["admitted_at"], early["turnout"]["inside"]) == ("too_early", opens_at, None, 0)
    assert api("POST", path, {**body, "anyway": True}, by=by).json["verdict"] == "valid"


def test_a_ticket_of_somebody_elses_event_says_which_and_not_whose(api, booking):
    event = make_event()
    code = list_tickets(by=booking.user, booking_id=booking.id)[0].code
    for by, holder in ((event.organizer, None), (make_staff(), "Ada Quill")):
        answer = api("POST", f"/admin/events/{event.id}/check-in/", {"code": code}, by=by).json
        assert (answer["verdict"], answer["event"]["name"], answer["holder"]) == ("wrong_event", booking.event.name, holder)


def test_taking_it_back(api, booking, path):
    by = booking.event.organizer
    api("POST", path, {"booking_id": str(booking.id), "seat": 2}, by=by)
    assert api("DELETE", f"{path}{booking.id}/2/", by=by).json == {"booking_id": str(booking.id), "seat": 2, "status": "undone"}
    for missing in (f"{booking.id}/2/", f"{booking.id}/9/", f"{uuid.uuid4()}/1/"):
        assert api("DELETE", path + missing, by=by).status_code == 404
    assert api("GET", path, by=by).json == {"inside": 0, "expected": 3, "percentage": 0, "last_ten_minutes": 0}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": "7K4M 29QD", "booking_id": str(uuid.uuid4())}, "code"),
        ({"code": "7K4M 29QD", "seat": 1}, "seat"),
        ({"booking_id": str(uuid.uuid4()), "seat": 0}, "seat"),
        ({"booking_id": "x"}, "booking_id"),
        ({"code": 7}, "code"),
        ({"code": "7K4M 29QD", "anyway": "yes"}, "anyway"),
        ({"code": "x" * 301}, "code"),
        ({"code": "7K4M 29QD", "gate": "x" * 41}, "gate"),
    ],
)
def test_what_cannot_be_understood(api, booking, path, body, field):
    answer = api("POST", path, body, by=booking.event.organizer)
    assert (answer.status_code, list(answer.json["details"]["fields"])) == (422, [field])


def test_sent_again_with_its_key_it_is_answered_again(api, booking, path):
    by, body = booking.event.organizer, {"booking_id": str(booking.id), "seat": 1}
    answers = [api("POST", path, body, by=by, Idempotency_Key="scan-1").json for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["verdict"] == "valid"
