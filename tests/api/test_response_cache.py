"""Answers of the API that are kept: nobody gets somebody else's, nobody gets what is not true any more."""

import time

import pytest
import sqlalchemy as sa

from evently.accounts.roles import set_role
from evently.database import transaction
from evently.events.services import update_event
from evently.extensions import db
from tests.factories import api_token, make_booking, make_event, make_organizer, make_staff, make_user


@pytest.fixture
def ask(client):
    def call(path, token="", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(f"/api{path}", headers=sent | ({"Authorization": f"Token {token}"} if token else {}))

    return call


@pytest.fixture
def statements(app):
    seen = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_a_list_asks_the_database_once_in_a_moment(ask, statements):
    make_event()
    ask("/user/events/")
    statements.clear()
    for _ in range(3):
        ask("/user/events/")
    assert statements == []


def test_an_event_needs_its_seats_only(ask, statements):
    path = f"/user/events/{make_event().id}/"
    ask(path)
    statements.clear()
    assert ask(path).json["available_tickets"] == 10
    assert len(statements) == 1


def test_seats_are_exact_of_one_event_and_a_second_old_at_most_in_lists(ask):
    event = make_event(capacity=3)
    for path in ("/user/events/", "/user/events/?available_only=true", f"/user/events/{event.id}/"):
        ask(path)
    make_booking(event=event, tickets=3)
    booked = time.monotonic()
    assert ask(f"/user/events/{event.id}/").json["available_tickets"] == 0
    assert ask(f"/events/{event.id}/availability/").json["available_tickets"] == 0
    time.sleep(max(0.0, booked + 1.01 - time.monotonic()))
    assert ask("/user/events/").json["results"][0]["available_tickets"] == 0
    assert ask("/user/events/?available_only=true").json["count"] == 0


def test_a_change_is_seen_at_once(ask):
    organizer = make_organizer()
    event = make_event(by=organizer, name="Old")
    token = api_token(organizer)
    paths = ["/user/events/", "/admin/events/list/", "/admin/analytics/"]

    def names():
        lists = [ask(path, token).json for path in paths[:2]]
        return [page["results"][0]["name"] for page in lists] + [ask(f"/user/events/{event.id}/").json["name"]]

    assert names() == ["Old"] * 3
    update_event(by=organizer, event_id=event.id, fields={"name": "New"})
    assert names() == ["New"] * 3


def test_each_gets_their_own(ask):
    mine, yours = make_organizer(), make_organizer()
    make_event(by=mine, name="Mine")
    make_event(by=yours, name="Yours")
    tokens = {"Mine": api_token(mine), "Yours": api_token(yours)}
    for _ in range(2):
        for name, token in tokens.items():
            assert [event["name"] for event in ask("/admin/events/list/", token).json["results"]] == [name]
            assert [event["name"] for event in ask("/admin/analytics/", token).json["capacity_utilization"]] == [name]
            owner = mine if name == "Mine" else yours
            assert ask("/user/auth/me/", token).json["username"] == owner.username


def test_figures_follow_each_booking(ask):
    event, token = make_event(), api_token(make_staff())
    for bookings in range(3):
        assert ask("/admin/analytics/", token).json["total_bookings"] == bookings
        assert ask(f"/admin/analytics/{event.id}/", token).json["total_bookings"] == bookings
        make_booking(event=event)


def test_a_token_that_works_no_more_gets_nothing_that_is_kept(ask, client):
    user = make_user()
    first, second = api_token(user), api_token(user)
    for token in (first, second, first, second):
        assert ask("/user/auth/me/", token).status_code == 200
    client.post("/api/user/auth/logout/", headers={"Authorization": f"Token {first}"})
    assert ask("/user/auth/me/", second).status_code == 200
    assert ask("/user/auth/me/", first).status_code == 401
    with transaction():
        user.is_active = False
    assert ask("/user/auth/me/", second).status_code == 401


def test_who_is_an_organizer_no_more_sees_no_list(ask):
    organizer = make_organizer()
    token = api_token(organizer)
    assert ask("/admin/events/list/", token).status_code == 200
    set_role(user=organizer, role="organizer", is_held=False)
    assert ask("/admin/events/list/", token).status_code == 403


def test_a_profile_is_new_after_its_change(client):
    headers = {"Authorization": f"Token {api_token(make_user())}"}
    client.get("/api/user/auth/me/", headers=headers)
    client.patch("/api/user/auth/me/", json={"address": "There"}, headers=headers)
    assert client.get("/api/user/auth/me/", headers=headers).json["address"] == "There"


def test_links_lead_back_to_where_it_was_asked(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOWED_HOSTS", (".example",))
    for _ in range(2):
        make_event()
    for host in ("one.example", "two.example"):
        assert client.get("/api/user/events/?page_size=1", headers={"Host": host}).json["next"].startswith(f"http://{host}/")


def test_an_answer_that_is_known_is_not_sent_again(ask):
    event = make_event(by=(organizer := make_organizer()))
    for path in ("/user/events/", f"/user/events/{event.id}/", f"/events/{event.id}/availability/"):
        answer = ask(path)
        assert answer.headers["Cache-Control"] == "public, no-cache"
        tag = answer.headers["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = ask(path, If_None_Match=known)
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert ask(path, If_None_Match='"other"').status_code == 200
    update_event(by=organizer, event_id=event.id, fields={"name": "New"})
    assert ask(f"/user/events/{event.id}/", If_None_Match=ask(f"/user/events/{event.id}/").headers["ETag"]).status_code == 304
    update_event(by=organizer, event_id=event.id, fields={"name": "Newer"})
    assert ask("/user/events/").json["results"][0]["name"] == "Newer"


def test_what_is_personal_is_stored_nowhere(ask):
    answer = ask("/user/auth/me/", api_token(make_user()), If_None_Match="*")
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_refusals_are_not_kept(ask):
    assert ask("/user/events/?page=2").status_code == 404
    assert ask("/user/events/?page=x").status_code == 422
    for _ in range(11):
        make_event()
    assert ask("/user/events/?page=2").status_code == 200
