"""Answers that are given again without the way through Flask: nobody can tell them from those that came by it."""

import re

import pytest
import sqlalchemy as sa
from flask import has_request_context, request, request_started

from evently.api import again
from evently.events.services import cancel_event
from evently.extensions import db
from evently.observability.metrics import REGISTRY
from tests.factories import api_token, make_booking, make_event, make_organizer, make_staff

# Of one request alone.
OWN = {"X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
PATHS = [
    "/user/events/?page_size=1",
    "/user/events/{id}/",
    "/events/{id}/availability/",
    "/user/auth/me/",
    "/admin/analytics/",
    "/admin/analytics/{id}/",
    "/admin/events/list/",
]


@pytest.fixture
def long_way():
    """The addresses that came by it."""
    seen = []

    def note(_app):
        if has_request_context():
            seen.append(request.path)

    with request_started.connected_to(note):
        yield seen


@pytest.mark.parametrize("path", PATHS)
def test_it_is_the_same_answer_to_the_letter(app, client, long_way, monkeypatch, path):
    monkeypatch.setitem(app.config, "CORS_ORIGINS", ("https://partner.example",))
    headers = {"Authorization": f"Token {api_token(make_staff())}", "Origin": "https://partner.example"}
    path = f"/api{path.format(id=make_event().id)}"
    answers = [client.get(path, headers=headers) for _ in range(3)]
    assert len(long_way) == 1
    assert {answer.status for answer in answers} == {"200 OK"}
    assert len({answer.data for answer in answers}) == 1
    assert len({tuple(sorted((name, value) for name, value in answer.headers if name not in OWN)) for answer in answers}) == 1
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert left == [left[0], left[0] - 1, left[0] - 2]
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 3


def test_it_is_counted_like_any_other(client):
    route = "/api/events/<uuid:event_id>/availability/"

    def counted():
        return REGISTRY.get_sample_value("evently_http_request_duration_seconds_count", {"method": "GET", "route": route, "status": "200"})

    path = f"/api/events/{make_event().id}/availability/"
    client.get(path)
    before = counted()
    client.get(path)
    assert counted() == before + 1


def test_a_name_that_was_sent_comes_back(client):
    path = f"/api/events/{make_event().id}/availability/"
    client.get(path)
    assert client.get(path, headers={"X-Request-ID": "order-17"}).headers["X-Request-ID"] == "order-17"
    assert re.fullmatch("[0-9a-f]{32}", client.get(path, headers={"X-Request-ID": "a\tb"}).headers["X-Request-ID"])


def test_seats_are_counted_each_time(client):
    event = make_event(capacity=3)
    paths = [f"/api/user/events/{event.id}/", f"/api/events/{event.id}/availability/"]
    for left in (3, 2, 1):
        assert [client.get(path).json["available_tickets"] for path in paths] == [left] * 2
        make_booking(event=event)


def test_no_word_of_a_description_is_taken_for_the_seats(client):
    told = 'all of "available_tickets":-1, and \\"available_tickets\\":-1'
    event = make_event(description=told, capacity=7)
    for _ in range(2):
        answer = client.get(f"/api/user/events/{event.id}/").json
        assert (answer["description"], answer["available_tickets"]) == (told, 7)


def test_an_event_that_is_called_off_is_not_given_again(client):
    organizer = make_organizer()
    event = make_event(by=organizer)
    paths = [f"/api/user/events/{event.id}/", f"/api/events/{event.id}/availability/"]
    assert [client.get(path).status_code for path in paths * 2] == [200] * 4
    cancel_event(by=organizer, event_id=event.id)
    for path in paths * 2:
        answer = client.get(path)
        assert (answer.status_code, answer.json["details"]["code"]) == (404, "not_found")


def test_what_is_known_is_not_sent(client, long_way):
    path = f"/api/user/events/{make_event().id}/"
    tag = client.get(path).headers["ETag"]
    quick = client.get(path, headers={"If-None-Match": tag})
    assert len(long_way) == 1
    # Another address for the same.
    slow = client.get(f"{path}?", headers={"If-None-Match": tag, "Origin": "https://another.example"})
    assert len(long_way) == 2
    assert (quick.status, quick.data) == (slow.status, b"") == ("304 NOT MODIFIED", b"")
    assert {name for name, _ in quick.headers} == {name for name, _ in slow.headers}
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_too_many_are_refused_and_told_so(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "3 per minute")
    path = f"/api/events/{make_event().id}/availability/"
    assert [client.get(path).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get(path).json["details"]["code"] == "too_many_requests"


def test_what_is_out_of_date_counts_once(client):
    path = "/api/user/events/"
    lefts = []
    for _ in range(4):
        make_event()
        lefts.append(int(client.get(path).headers["X-RateLimit-Remaining"]))
    assert lefts == [lefts[0] - turn for turn in range(4)]


def test_a_database_that_is_away_is_told_in_the_api_s_words(client):
    path = f"/api/events/{make_event().id}/availability/"
    client.get(path)

    def refuse(*_, **__):
        raise sa.exc.OperationalError("SELECT", {}, Exception("secret words of a server"))

    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", refuse)
    try:
        answer = client.get(path)
    finally:
        sa.event.remove(engine, "before_cursor_execute", refuse)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["details"]) == (503, "5", {"code": "unavailable"})
    assert "secret" not in answer.text
    assert client.get(path).status_code == 200


def test_only_so_many_are_known(client, monkeypatch, app):
    front = app.wsgi_app
    while not isinstance(front, again.Again):
        front = getattr(front, "_site", None) or front._application
    monkeypatch.setattr(again, "MOST", 5)
    path = f"/api/events/{make_event().id}/availability/"
    for turn in range(20):
        assert client.get(f"{path}?turn={turn}").status_code == 200
        assert len(front._recipes) <= 5
