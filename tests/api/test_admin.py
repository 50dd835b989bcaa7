import datetime as dt
import re
import uuid

import pytest

from evently.events.models import Event
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event, make_organizer, make_staff

NEW = {"name": "Organ night", "venue": "Großer Saal", "time": "2030-06-01T20:00:00+02:00", "capacity": 50}


def test_an_event_is_published_at_once(api):
    organizer = make_organizer()
    response = api("POST", "/admin/events/", NEW | {"description": "Pipes.", "price_per_ticket": 12.5}, by=organizer)
    assert response.status_code == 201
    assert list(response.json) == ["event_id", "name", "venue", "time", "capacity"]
    assert response.json == NEW | {"event_id": response.json["event_id"], "time": "2030-06-01T18:00:00Z"}
    details = api("GET", f"/admin/events/{response.json['event_id']}/details/", by=organizer)
    assert list(details.json) == [
        "id", "name", "venue", "time", "capacity", "description", "price_per_ticket", "organizer", "is_active", "available_tickets",
        "total_bookings", "utilization_percentage", "created_at", "updated_at",
    ]  # fmt: skip
    assert details.json["organizer"] == {"id": organizer.id, "username": organizer.username, "email": organizer.email}
    assert (details.json["price_per_ticket"], details.json["is_active"], details.json["available_tickets"]) == (12.5, True, 50)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", details.json["created_at"])


def test_a_draft_stays_out_of_sight(api):
    organizer = make_organizer()
    event_id = api("POST", "/admin/events/", NEW | {"status": "draft"}, by=organizer).json["event_id"]
    assert api("GET", f"/user/events/{event_id}/").status_code == 404
    assert api("GET", f"/events/{event_id}/availability/").status_code == 404
    assert api("GET", f"/admin/events/{event_id}/details/", by=organizer).json["is_active"] is False
    assert api("PUT", f"/admin/events/{event_id}/", {"status": "published"}, by=organizer).status_code == 200
    assert api("GET", f"/user/events/{event_id}/").status_code == 200


def test_optional_fields_are_kept(api):
    more = {
        "summary": "Pipes", "category": "music", "website": "https://example.org", "ends_at": "2030-06-01T22:00:00+02:00",
        "timezone": "Europe/Berlin", "currency": "SEK", "sales_start": "2026-01-01T00:00:00Z", "sales_end": "2030-05-31T00:00:00Z",
        "max_tickets_per_booking": 4, "max_tickets_per_user": 8, "cancellation_deadline": "2030-05-30T00:00:00Z",
    }  # fmt: skip
    event_id = api("POST", "/admin/events/", NEW | more, by=make_organizer()).json["event_id"]
    event = db.session.get(Event, uuid.UUID(event_id))
    for name, value in more.items():
        kept = getattr(event, name)
        assert (kept == dt.datetime.fromisoformat(value)) if isinstance(kept, dt.datetime) else (kept == value)


@pytest.mark.parametrize("name", list(NEW))
def test_what_an_event_cannot_be_without(api, name):
    response = api("POST", "/admin/events/", {key: value for key, value in NEW.items() if key != name}, by=make_organizer())
    assert response.status_code == 422
    assert response.json["details"]["fields"] == {name: ["This is needed."]}


NONSENSE = {
    "name": ["", "   ", None, 5, "x" * 201, "a\0b"],
    "venue": ["", None, ["Hall"], {}],
    "time": [
        "2030-06-01T20:00:00", "2030-06-01", "soon", "", 1906545600, None, "2020-06-01T20:00:00Z", "9999-12-31T23:59:59-14:00",
        "2030-13-01T20:00:00Z",
    ],
    "sales_start": ["0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00"],
    "ends_at": ["2030-06-01T19:00:00+02:00", "9999-12-31T23:59:59-14:00"],
    "cancellation_deadline": ["2031-01-01T00:00:00Z"],
    "capacity": ["50", 50.5, 50.0, 0, -1, 10**12, True, None, [50], 1e300],
    "price_per_ticket": ["12.50", -0.01, 12.345, 10**12, True, None, 1e300, []],
    "max_tickets_per_booking": [0, 1.5],
    "max_tickets_per_user": ["2", 10**12],
    "category": ["nonsense", None],
    "currency": ["ZZZ", 5],
    "timezone": ["Mars/Olympus"],
    "status": ["cancelled", 1],
    "website": ["javascript:alert(1)"],
    "description": ["x" * 20_001, 5],
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_by_name_and_nothing_is_written(api, name):
    organizer = make_organizer()
    for value in NONSENSE[name]:
        response = api("POST", "/admin/events/", NEW | {name: value}, by=organizer)
        assert response.status_code == 422, value
        assert list(response.json["details"]["fields"]) == [name]
    assert db.session.query(Event).count() == 0


def test_numbers_beyond_numbers_are_refused(api):
    organizer = make_organizer()
    for number in ("NaN", "Infinity", "-Infinity", "1e400", "1" * 5000):
        raw = '{"name": "x", "venue": "y", "time": "2030-06-01T20:00:00Z", "capacity": 5, "price_per_ticket": ' + number + "}"
        assert api("POST", "/admin/events/", raw=raw, by=organizer).status_code in {400, 422}
    assert db.session.query(Event).count() == 0


def test_everything_wrong_with_an_event_is_said_at_once(api):
    wrong = {"name": "", "venue": "x" * 201, "price_per_ticket": 0.001, "category": "nonsense", "time": "2020-01-01T00:00:00Z"}
    response = api("POST", "/admin/events/", NEW | wrong, by=make_organizer())
    assert response.json["details"]["fields"].keys() == wrong.keys()


def test_a_price_is_kept_to_the_cent(api):
    event_id = api("POST", "/admin/events/", NEW | {"price_per_ticket": 99999999.99}, by=make_organizer()).json["event_id"]
    assert '"price_per_ticket":99999999.99,' in api("GET", f"/user/events/{event_id}/").text


def test_an_update_leaves_what_it_does_not_name(api):
    event = make_event(name="Old", description="Pipes.")
    response = api("PUT", f"/admin/events/{event.id}/", {"name": "New"}, by=event.organizer)
    assert (response.status_code, list(response.json)) == (200, ["event_id", "name", "venue", "time", "capacity"])
    assert (response.json["name"], response.json["venue"]) == ("New", event.venue)
    assert db.session.get(Event, event.id).description == "Pipes."


def test_what_may_be_empty_is_emptied_by_null(api):
    event = make_event(max_tickets_per_user=2)
    assert api("PUT", f"/admin/events/{event.id}/", {"max_tickets_per_user": None}, by=event.organizer).status_code == 200
    assert db.session.get(Event, event.id).max_tickets_per_user is None


def test_capacity_never_goes_below_what_is_sold(api):
    event = make_event(capacity=10)
    make_booking(event=event, tickets=5)
    refused = api("PUT", f"/admin/events/{event.id}/", {"capacity": 4}, by=event.organizer)
    assert (refused.status_code, refused.json["details"]["code"]) == (409, "below_sold")
    assert api("PUT", f"/admin/events/{event.id}/", {"capacity": 5}, by=event.organizer).status_code == 200
    details = api("GET", f"/admin/events/{event.id}/details/", by=event.organizer).json
    assert (details["available_tickets"], details["total_bookings"], details["utilization_percentage"]) == (0, 1, 100.0)


def test_total_bookings_counts_bookings_that_are_confirmed(api):
    event = make_event()
    booking = make_booking(event=event, tickets=3)
    make_booking(event=event, decided=False)
    details = api("GET", f"/admin/events/{event.id}/details/", by=event.organizer).json
    assert (details["total_bookings"], details["utilization_percentage"]) == (1, 30.0)
    api("DELETE", f"/bookings/{booking.id}/", by=event.organizer)
    assert api("GET", f"/admin/events/{event.id}/details/", by=event.organizer).json["total_bookings"] == 0


def test_a_cancelled_event_cannot_be_changed(api):
    event = make_event(status="cancelled")
    response = api("PUT", f"/admin/events/{event.id}/", {"name": "New"}, by=event.organizer)
    assert (response.status_code, response.json["details"]["code"]) == (409, "event_cancelled")


def listed(api, by, query=""):
    response = api("GET", f"/admin/events/list/{query}", by=by)
    assert response.status_code == 200
    return [event["name"] for event in response.json["results"]]


def test_the_list_shows_organizers_their_own_and_staff_everything(api):
    organizer = make_organizer()
    make_event(by=organizer, name="Mine", time=in_days(1))
    make_event(name="Theirs", time=in_days(2))
    assert listed(api, organizer) == ["Mine"]
    assert listed(api, make_staff()) == ["Mine", "Theirs"]
    row = api("GET", "/admin/events/list/", by=organizer).json["results"][0]
    assert list(row) == [
        "id", "name", "venue", "time", "capacity", "available_tickets", "price_per_ticket", "organizer", "is_active", "created_at",
    ]  # fmt: skip
    assert row["organizer"] == organizer.username


FOUND = {
    "": ["Past", "Soon", "Draft", "Late"],
    "?status=upcoming": ["Soon", "Draft", "Late"],
    "?status=past": ["Past"],
    "?is_active=true": ["Past", "Soon", "Late"],
    "?is_active=false": ["Draft"],
    "?venue=hall": ["Soon"],
    "?search=HALL": ["Soon"],
    "?search=lat": ["Late"],
    "?search=secret": [],
    "?ordering=-time": ["Late", "Draft", "Soon", "Past"],
    "?ordering=capacity": ["Late", "Draft", "Past", "Soon"],
    "?ordering=-created_at": ["Late", "Draft", "Soon", "Past"],
    "?unknown=1&status=past": ["Past"],
}


def test_filters_of_the_list(api):
    organizer = make_organizer()
    make_event(by=organizer, name="Past", time=in_days(-5), capacity=30, venue="Barn", description="secret")
    make_event(by=organizer, name="Soon", time=in_days(5), capacity=40, venue="Town Hall")
    make_event(by=organizer, name="Draft", time=in_days(6), capacity=20, venue="Barn", status="draft")
    make_event(by=organizer, name="Late", time=in_days(50), capacity=10, venue="Barn")
    assert {query: listed(api, organizer, query) for query in FOUND} == FOUND


def test_filters_that_make_no_sense_are_refused(api):
    staff = make_staff()
    for query in ("status=soon", "status=", "is_active=maybe", "ordering=name", "ordering=price_per_ticket", "search=%00", "page=0"):
        response = api("GET", f"/admin/events/list/?{query}", by=staff)
        assert response.status_code == 422, query
        assert list(response.json["details"]["fields"]) == [query.partition("=")[0]]
