"""Twenty requests with one key at the same moment: one booking, and everybody is told of it."""

import time

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import auth, log_in, make_event, make_user
from tests.harness.concurrency import at_once
from tests.harness.visitor import Visitor
from tests.idempotency.conftest import bookings
from tests.idempotency.test_forms import booking_form

CROWD = 20


def test_through_the_api(app: Flask, key: str, no_limits: None) -> None:
    event, headers = make_event(capacity=CROWD), auth(make_user()) | {"Idempotency-Key": key}
    body = {"event_id": str(event.id), "number_of_tickets": 1}

    def ask() -> list[TestResponse]:
        """As a client does that keeps to what it is told: it comes back while the first request is under way."""
        answers = [app.test_client().post("/api/bookings/", json=body, headers=headers)]
        while answers[-1].status_code == 409:
            time.sleep(0.05)
            answers.append(app.test_client().post("/api/bookings/", json=body, headers=headers))
        return answers

    told = at_once(app, [ask] * CROWD)
    for *refused, last in told:
        assert {answer.json["details"]["code"] for answer in refused} <= {"request_in_flight"}
        assert last.status_code == 201
    assert {last.json["id"] for *_, last in told} == {str(booking.id) for booking in bookings()}
    assert len(bookings()) == 1


def test_through_the_page(app: Flask, no_limits: None) -> None:
    user = make_user()
    visitors = [Visitor(log_in(app.test_client(), user)) for _ in range(CROWD)]
    event = make_event(capacity=CROWD)
    # One form, as twenty clicks send it: all in one session.
    form = booking_form(visitors[0], event)
    cookie = visitors[0].client.get_cookie("session")
    for visitor in visitors[1:]:
        visitor.client.set_cookie("session", cookie.value)
    answers = at_once(app, [lambda client=visitor.client: client.post(form.action, data=dict(form.fields)) for visitor in visitors])
    assert {answer.status_code for answer in answers} == {303}
    assert {answer.location for answer in answers} == {f"/bookings/{booking.id}" for booking in bookings()}
    assert len(bookings()) == 1


def test_while_a_limit_refuses_some(app: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused requests forget the key, again and again, under the hands of those that claim it."""
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "1 per minute")
    event, user = make_event(), make_user()
    headers = auth(user)
    body = {"event_id": str(event.id), "number_of_tickets": 1}
    first = app.test_client().post("/api/bookings/", json=body, headers=headers)
    assert first.status_code == 201
    headers |= {"Idempotency-Key": key}
    answers = at_once(app, [lambda: app.test_client().post("/api/bookings/", json=body, headers=headers)] * CROWD)
    assert {answer.status_code for answer in answers} <= {429, 409}
    assert len(bookings()) == 1
