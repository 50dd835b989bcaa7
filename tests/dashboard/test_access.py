"""Who gets in, page by page and person by person."""

from collections.abc import Callable

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.database import transaction
from evently.events.models import Event
from tests.factories import log_in, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user
from tests.harness.visitor import Visitor

OWN_PAGES = ["/dashboard/", "/dashboard/events", "/dashboard/events/new"]
EVENT_PAGES = ["", "/edit", "/cancellation"]
ACTIONS = ["/edit", "/publication", "/cancellation", "/discard"]
DeskOf = Callable[[User], Visitor]


@pytest.fixture
def event(mira: User) -> Event:
    return make_event(by=mira, name="Nachtkonzert")


def post(visitor: Visitor, address: str) -> int:
    # Any page with a form has the session's token.
    token = visitor.token("/account")
    return visitor.client.post(address, data={"csrf_token": token, "name": "Taken over"}).status_code


@pytest.mark.parametrize("address", [*OWN_PAGES, "/dashboard/events?state=draft&page=2"])
def test_strangers_are_sent_to_log_in_and_back(visitor: Visitor, address: str):
    answer = visitor.get(address)
    assert answer.status_code == 303
    assert answer.location == "/login?next=" + address.replace("/", "%2F").replace("?", "%3F").replace("=", "%3D").replace("&", "%26")


@pytest.mark.parametrize("page", EVENT_PAGES)
def test_strangers_learn_nothing_about_an_event(visitor: Visitor, event: Event, page: str):
    answer = visitor.get(f"/dashboard/events/{event.id}{page}")
    assert (answer.status_code, answer.location.startswith("/login?next=")) == (303, True)


@pytest.mark.parametrize("action", ACTIONS)
def test_strangers_cannot_act(visitor: Visitor, event: Event, action: str):
    token = visitor.token()
    answer = visitor.client.post(f"/dashboard/events/{event.id}{action}", data={"csrf_token": token})
    assert (answer.status_code, answer.location.startswith("/login")) == (303, True)


def test_attendees_are_told_that_this_is_not_for_them(desk_of: DeskOf, event: Event):
    attendee = make_user()
    make_booking(user=attendee, event=event)
    visitor = desk_of(attendee)
    for address in OWN_PAGES + [f"/dashboard/events/{event.id}{page}" for page in EVENT_PAGES]:
        answer = visitor.get(address)
        assert (address, answer.status_code) == (address, 403)
        assert "Only organizers can do this." in answer.text
    for action in ACTIONS:
        assert post(visitor, f"/dashboard/events/{event.id}{action}") == 403
    assert post(visitor, "/dashboard/events/new") == 403
    assert post(visitor, "/dashboard/events/description") == 403


def test_organizers_neither_see_nor_touch_each_others_events(desk_of: DeskOf, event: Event):
    rival = desk_of(make_organizer())
    for page in EVENT_PAGES:
        answer = rival.get(f"/dashboard/events/{event.id}{page}")
        assert (page, answer.status_code) == (page, 403)
        assert "Nachtkonzert" not in answer.text
    for action in ACTIONS:
        assert (action, post(rival, f"/dashboard/events/{event.id}{action}")) == (action, 403)
    assert "Nachtkonzert" not in rival.get("/dashboard/").text
    assert "Nachtkonzert" not in rival.get("/dashboard/events?when=all").text
    assert (event.name, event.status) == ("Nachtkonzert", "published")


@pytest.mark.parametrize("make", [make_staff, make_superuser])
def test_staff_manage_every_event(desk_of: DeskOf, event: Event, make: Callable[[], User]):
    visitor = desk_of(make())
    assert "Nachtkonzert" in visitor.get("/dashboard/").text
    listing = visitor.get("/dashboard/events").text
    assert "Nachtkonzert" in listing
    assert "Mira Lindqvist" in listing
    for page in EVENT_PAGES:
        assert visitor.get(f"/dashboard/events/{event.id}{page}").status_code == 200
    assert visitor.submit(f"/dashboard/events/{event.id}/edit", {"name": "Nachtkonzert II"}).status_code == 303
    assert (event.name, event.organizer.first_name) == ("Nachtkonzert II", "Mira")
    assert visitor.submit(f"/dashboard/events/{event.id}/cancellation").status_code == 303
    assert event.status == "cancelled"


def test_whoever_organizes_no_more_loses_the_dashboard_at_once(desk: Visitor, mira: User, event: Event):
    assert desk.get(f"/dashboard/events/{event.id}").status_code == 200
    with transaction():
        mira.is_organizer = False
    assert desk.get("/dashboard/").status_code == 403
    assert desk.get(f"/dashboard/events/{event.id}").status_code == 403


def test_suspended_organizers_are_out(app: Flask, mira: User):
    visitor = Visitor(log_in(app.test_client(), mira))
    with transaction():
        mira.is_active = False
    assert visitor.get("/dashboard/").status_code == 303


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_done_without_the_pages_own_token(desk: Visitor, event: Event, action: str):
    answer = desk.client.post(f"/dashboard/events/{event.id}{action}", data={"name": "Forged"})
    assert answer.status_code == 400
    assert (event.name, event.status) == ("Nachtkonzert", "published")


@pytest.mark.parametrize("address", ["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000/edit", "nonsense"])
def test_events_that_are_not_there(desk: Visitor, address: str):
    assert desk.get(f"/dashboard/events/{address}").status_code == 404


def test_only_organizers_see_the_way_in(desk: Visitor, desk_of: DeskOf, visitor: Visitor):
    assert 'href="/dashboard/"' in desk.get("/").text
    assert 'href="/dashboard/"' not in desk_of(make_user()).get("/").text
    assert 'href="/dashboard/"' not in visitor.get("/").text
