"""What a change does to people who have booked is said before it is done; and what becomes of two who edit at once."""

import datetime as dt
import io
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from evently.accounts.models import User
from evently.bookings.check_ins import check_in_seats
from evently.events.models import Event
from evently.events.services import update_event
from tests.dashboard.reading import words
from tests.dashboard.test_covers import picture
from tests.factories import in_days, make_booking, make_event, make_user
from tests.harness.visitor import Visitor

# What is tested is not the database's.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


def edit(event: Event) -> str:
    return f"/dashboard/events/{event.id}/edit"


def panel(answer: TestResponse) -> str:
    """The text of the panel, in one line."""
    found = re.search(r'<div\s+id="change-impact".*?</fieldset>', answer.text, re.DOTALL)
    return " ".join(words(found[0]).split()) if found else ""


def send_again(desk: Visitor, event: Event, answer: TestResponse, fields: dict[str, Any]) -> TestResponse:
    """The form that came back, with all that is hidden in it."""
    hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', answer.text)
    named = {re.search(r'name="([^"]*)"', tag)[1]: re.search(r'value="([^"]*)"', tag)[1] for tag in hidden if "name=" in tag}  # type: ignore[index]
    return desk.submit(edit(event), fields | {name: named[name] for name in ("version", "seen", "kept_cover") if name in named})


@pytest.fixture
def event(mira: User) -> Event:
    event = make_event(by=mira, venue="Old hall", capacity=20)
    guest = make_user()
    make_booking(event=event, user=guest, tickets=3)
    make_booking(event=event, user=guest, tickets=1)
    make_booking(event=event, tickets=2)
    return event


def test_who_is_affected_is_asked_before_another_place_is_saved(desk: Visitor, event: Event):
    asked = desk.submit(edit(event), {"venue": "New hall"})
    assert (asked.status_code, event.venue) == (200, "Old hall")
    assert "Not saved yet" in asked.text
    assert "Old hall New hall" in panel(asked).replace("<br>", " ").replace("hallNew", "hall New")
    assert "2 people with 6 tickets are affected" in panel(asked)
    assert "Each gets one mail" in panel(asked)
    assert "Save and tell 2 people" in asked.text
    assert send_again(desk, event, asked, {"venue": "New hall"}).status_code == 303
    assert event.venue == "New hall"


def test_what_was_seen_is_that_change_and_no_other(desk: Visitor, event: Event):
    asked = desk.submit(edit(event), {"venue": "New hall"})
    again = send_again(desk, event, asked, {"venue": "Another hall"})
    assert (again.status_code, event.venue) == (200, "Old hall")
    assert "Another hall" in panel(again)


def test_seats_are_asked_about_and_nobody_is_told(desk: Visitor, event: Event):
    fewer = desk.submit(edit(event), {"capacity": "8"})
    assert "No mail goes out. 12 seats fewer; 2 seats are left for sale." in panel(fewer)
    assert "Save changes" in fewer.text
    more = desk.get(f"/dashboard/events/{event.id}/impact?capacity=30", htmx=True)
    assert "10 seats more, on sale at once" in panel(more)
    below = desk.get(f"/dashboard/events/{event.id}/impact?capacity=5", htmx=True)
    assert "This cannot be saved: 6 tickets are sold" in panel(below)
    assert desk.submit(edit(event), {"capacity": "5"}).status_code == 422


def test_the_panel_follows_the_form_and_makes_the_question_unnecessary(desk: Visitor, event: Event):
    local = (event.local_time + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    shown = desk.get(f"/dashboard/events/{event.id}/impact?time={local}&venue=Old+hall", htmx=True)
    assert shown.text.strip().startswith("<div")
    assert "2 people will be told by mail" in shown.text
    saved = send_again(desk, event, shown, {"time": local})
    assert saved.status_code == 303
    assert event.local_time.strftime("%Y-%m-%dT%H:%M") == local
    assert "<!doctype html>" in desk.get(f"/dashboard/events/{event.id}/impact?time=nonsense").text


def test_another_day_says_that_the_door_begins_anew(desk: Visitor, event: Event, mira: User):
    booking = make_booking(event=event)
    check_in_seats(by=mira, event_id=event.id, booking_id=booking.id)
    at = {hours: (event.local_time + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M") for hours in (2, 48)}
    shown = {hours: panel(desk.get(f"/dashboard/events/{event.id}/impact?time={time}", htmx=True)) for hours, time in at.items()}
    assert "1 ticket has come in already. That stays so." in shown[2]
    assert "The new start is more than a day later, so the door begins anew: it is valid again." in shown[48]
    assert "come in" not in panel(desk.get(f"/dashboard/events/{event.id}/impact?venue=New+hall", htmx=True))


def test_the_zone_of_an_event_is_not_that_of_whoever_edits_it(desk: Visitor, event: Event):
    assert "data-own-zone" not in desk.get(edit(event)).text


@pytest.mark.parametrize("fields", [{"name": "Other"}, {"description": "More"}, {"price_per_ticket": "99"}])
def test_the_rest_is_saved_without_a_question(desk: Visitor, event: Event, fields: dict[str, str]):
    assert desk.submit(edit(event), fields).status_code == 303


def test_where_nobody_can_be_affected_nothing_is_asked(desk: Visitor, mira: User):
    for event in (make_event(by=mira), make_event(by=mira, status="draft"), make_event(by=mira, time=in_days(-2))):
        assert desk.submit(edit(event), {"venue": "Elsewhere"}).status_code == 303
    nobody = desk.get(f"/dashboard/events/{make_event(by=mira).id}/impact?venue=Elsewhere", htmx=True)
    assert "Nobody has booked, so nobody has to be told." in panel(nobody)


def test_two_who_edit_at_once_are_shown_both_and_the_second_decides(desk: Visitor, mira: User):
    event = make_event(by=mira, name="First", capacity=10)
    form = next(form for form in desk.forms(edit(event)) if form.action == edit(event))
    update_event(by=mira, event_id=event.id, fields={"name": "Theirs", "capacity": 20})
    fields = dict(form.fields) | {"name": "Mine"}
    answer = desk.client.post(edit(event), data=fields)
    assert (answer.status_code, event.name, event.capacity) == (409, "Theirs", 20)
    shown = " ".join(words(answer.text.split('id="conflict-title"')[1].split("</dl>")[0]).split())
    assert "NameSaved now: TheirsYours: Mine" in shown.replace("> ", "").replace(" Saved", "Saved")
    assert "SeatsSaved now: 20Yours: 10" in shown.replace(" Saved", "Saved")
    assert send_again(desk, event, answer, {"name": "Mine", "capacity": "20"}).status_code == 303
    assert (event.name, event.capacity) == ("Mine", 20)


def test_who_typed_the_same_is_not_bothered(desk: Visitor, mira: User):
    event = make_event(by=mira, name="First")
    form = next(form for form in desk.forms(edit(event)) if form.action == edit(event))
    update_event(by=mira, event_id=event.id, fields={"name": "Second"})
    assert desk.client.post(edit(event), data=dict(form.fields) | {"name": "Second"}).status_code == 303


def test_a_chosen_picture_survives_what_was_wrong_and_what_was_asked(desk: Visitor, event: Event):
    chosen = (io.BytesIO(picture()), "hall.jpg")
    refused = desk.submit(edit(event), {"cover": chosen, "cover_alt": "The hall", "name": ""})
    assert refused.status_code == 422
    assert "The picture you chose is kept" in refused.text
    asked = send_again(desk, event, refused, {"cover_alt": "The hall", "venue": "New hall"})
    assert (asked.status_code, event.cover_digest) == (200, None)
    assert send_again(desk, event, asked, {"cover_alt": "The hall", "venue": "New hall"}).status_code == 303
    assert event.cover_digest is not None
    assert event.cover_alt == "The hall"
    assert desk.get(f"/covers/{event.cover_digest}-small.jpg").status_code == 200
