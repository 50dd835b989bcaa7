"""Calendar files, read back by the library that calendar programs in Python use."""

import datetime as dt
from zoneinfo import ZoneInfo

import icalendar
from flask.testing import FlaskClient

from evently.bookings.services import cancel_booking
from evently.bookings.tickets import tickets_of
from evently.database import transaction
from evently.events.services import cancel_event, update_event
from tests.factories import in_days, log_in, make_booking, make_event

BERLIN = ZoneInfo("Europe/Berlin")


def entries(client: FlaskClient, address: str) -> list[icalendar.Event]:
    answer = client.get(address)
    assert answer.mimetype == "text/calendar"
    return calendar_of(answer.data).events


def calendar_of(data: bytes) -> icalendar.Calendar:
    # Every line ends with CR LF and is at most 75 bytes long (RFC 5545, 3.1).
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert data.count(b"\n") == data.count(b"\r\n")
    return icalendar.Calendar.from_ical(data)


def test_an_event_as_a_file(client: FlaskClient):
    start = dt.datetime(2031, 7, 5, 20, 30, tzinfo=BERLIN)
    event = make_event(
        name="Nachtkonzert; im\\ Gasometer, Teil 2", venue="Gaswerk Nord, Leipzig", summary="Elf Sekunden Nachhall.",
        time=start, ends_at=start + dt.timedelta(hours=2), timezone="Europe/Berlin",
    )  # fmt: skip
    answer = client.get(f"/events/{event.id}/calendar.ics")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="nachtkonzert-im-gasometer-teil-2.ics"'
    calendar = calendar_of(answer.data)
    [entry] = calendar.events
    assert entry["SUMMARY"] == event.name
    assert entry["LOCATION"] == event.venue
    assert entry["STATUS"] == "CONFIRMED"
    assert f"/events/{event.id}" in entry["URL"]
    # Local time with its zone, and the zone with the change of its clocks: 20:30 in July is 18:30 UTC.
    assert (entry.start, entry.end) == (start, start + dt.timedelta(hours=2))
    assert entry["DTSTART"].params["TZID"] == "Europe/Berlin"
    [zone] = calendar.timezones
    assert zone.to_tz(lookup_tzid=False).utcoffset(dt.datetime(2031, 7, 5)) == dt.timedelta(hours=2)  # noqa: DTZ001 - a wall clock
    assert zone.to_tz(lookup_tzid=False).utcoffset(dt.datetime(2031, 12, 5)) == dt.timedelta(hours=1)  # noqa: DTZ001


def test_utc_needs_no_zone_and_an_open_end_none(client: FlaskClient):
    event = make_event()
    data = client.get(f"/events/{event.id}/calendar.ics").data
    assert b"VTIMEZONE" not in data
    assert b"DTEND" not in data
    assert f"DTSTART:{event.time:%Y%m%dT%H%M%SZ}".encode() in data


def test_a_changed_event_is_the_same_one_in_a_later_version(client: FlaskClient):
    event = make_event()
    address = f"/events/{event.id}/calendar.ics"
    [before] = entries(client, address)
    with transaction():
        event.created_at -= dt.timedelta(days=3)
    update_event(by=event.organizer, event_id=event.id, fields={"time": in_days(40)})
    [moved] = entries(client, address)
    cancel_event(by=event.organizer, event_id=event.id)
    [cancelled] = entries(client, address)
    assert before["UID"] == moved["UID"] == cancelled["UID"] == str(event.id)
    assert before["SEQUENCE"] < moved["SEQUENCE"] <= cancelled["SEQUENCE"]
    assert [entry["STATUS"] for entry in (before, moved, cancelled)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_a_booking_names_its_tickets_until_it_is_cancelled(client: FlaskClient):
    booking = make_booking(tickets=2)
    log_in(client, booking.user)
    address = f"/bookings/{booking.id}/calendar.ics"
    [entry] = entries(client, address)
    assert entry["UID"] == str(booking.id)
    assert all(ticket.code in entry["DESCRIPTION"] for ticket in tickets_of(booking))
    assert booking.reference in entry["DESCRIPTION"]
    assert "private" in client.get(address).headers["Cache-Control"]
    cancel_booking(by=booking.user, booking_id=booking.id)
    [ended] = entries(client, address)
    assert (ended["UID"], ended["STATUS"]) == (entry["UID"], "CANCELLED")
    assert ended["SEQUENCE"] >= entry["SEQUENCE"]


def test_the_feed_has_what_the_search_finds(client: FlaskClient):
    make_event(name="Organ night", category="music", time=in_days(3))
    make_event(name="Organ talk", category="talk", time=in_days(2))
    off = make_event(name="Organ tea", category="music", time=in_days(4))
    make_event(name="Over", category="music", time=in_days(-2))
    cancel_event(by=off.organizer, event_id=off.id)
    found = entries(client, "/events.ics?q=organ&category=music")
    assert [(entry["SUMMARY"], entry["STATUS"]) for entry in found] == [("Organ night", "CONFIRMED"), ("Organ tea", "CANCELLED")]
    assert [entry["SUMMARY"] for entry in entries(client, "/events.ics")] == ["Organ talk", "Organ night", "Organ tea"]
    assert "/events.ics?q=organ&amp;category=music" in client.get("/?q=organ&category=music&view=calendar").text


def test_a_feed_that_has_not_changed_is_not_sent_again(client: FlaskClient):
    make_event()
    first = client.get("/events.ics")
    assert first.headers["Cache-Control"] == "public, max-age=600"
    assert "Set-Cookie" not in first.headers
    again = client.get("/events.ics", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_empty_feed_is_a_calendar_too(client: FlaskClient):
    assert entries(client, "/events.ics?q=nothing") == []


def test_what_is_long_or_has_signs_of_its_own_comes_back_as_it_was(client: FlaskClient):
    event = make_event(name="Ä" * 90 + "; a, b\\n", venue="Höhe, " * 30, summary="Zeile\neins; zwei")
    [entry] = entries(client, f"/events/{event.id}/calendar.ics")
    assert (entry["SUMMARY"], entry["LOCATION"]) == (event.name, event.venue)
    assert entry["DESCRIPTION"].startswith(event.summary)
