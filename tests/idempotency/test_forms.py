"""The hidden key of a form: whoever presses its button twice gets one booking, and sees it both times."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts.models import User
from evently.database import utc_now
from evently.events.models import Event
from evently.extensions import db
from evently.http import idempotency
from evently.idempotency.models import IdempotentRequest
from tests.factories import log_in, make_booking, make_event, make_user
from tests.harness.visitor import Form, Visitor
from tests.idempotency.conftest import bookings, is_replayed, set_request
from tests.idempotency.test_trying_again import IN_A_MINUTE


@pytest.fixture
def user(visitor: Visitor) -> User:
    user = make_user()
    log_in(visitor.client, user)
    return user


def booking_form(visitor: Visitor, event: Event) -> Form:
    [form] = [form for form in visitor.forms(f"/events/{event.id}") if form.action.endswith("/bookings")]
    assert dict(form.fields)["idempotency_key"]
    return form


def send(visitor: Visitor, form: Form, **fields: Any) -> Any:
    return visitor.client.post(form.action, data=dict(form.fields) | fields)


def test_every_form_has_a_key_of_its_own(visitor: Visitor, user: User) -> None:
    event = make_event()
    assert len({dict(booking_form(visitor, event).fields)["idempotency_key"] for _ in range(3)}) == 3


def test_sent_twice_it_leads_to_the_same_booking(visitor: Visitor, user: User) -> None:
    form = booking_form(visitor, make_event())
    first, again = (send(visitor, form) for _ in range(2))
    assert (first.status_code, is_replayed(first)) == (303, False)
    assert (again.status_code, again.location, is_replayed(again)) == (303, first.location, True)
    assert [first.location] == [f"/bookings/{booking.id}" for booking in bookings()]


def test_sent_again_after_a_new_login_it_still_does(visitor: Visitor, user: User, app: Flask) -> None:
    """The token against forgery is another one then, and no part of what was asked."""
    event = make_event()
    form = booking_form(visitor, event)
    first = send(visitor, form)
    elsewhere = Visitor(log_in(app.test_client(), user))
    again = send(elsewhere, form, csrf_token=dict(booking_form(elsewhere, event).fields)["csrf_token"])
    assert (again.status_code, again.location, is_replayed(again)) == (303, first.location, True)


def test_with_other_tickets_it_is_refused(visitor: Visitor, user: User) -> None:
    form = booking_form(visitor, make_event())
    send(visitor, form)
    assert send(visitor, form, tickets="3").status_code == 422
    assert [booking.ticket_count for booking in bookings()] == [1]


def test_it_waits_for_the_first_ones_answer(visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    form = booking_form(visitor, make_event())
    first = send(visitor, form)
    [answer] = db.session.scalars(sa.select(IdempotentRequest.answer))
    set_request(answer=None, lease_until=utc_now() + IN_A_MINUTE)
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
                connection.execute(sa.update(IdempotentRequest).values(answer=answer))

    monkeypatch.setattr(idempotency.time, "sleep", wait)
    again = send(visitor, form)
    assert (again.status_code, again.location, is_replayed(again)) == (303, first.location, True)
    assert len(waits) == 3
    assert len(bookings()) == 1


def test_it_does_not_wait_for_ever(visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE", 0.1)
    form = booking_form(visitor, make_event())
    send(visitor, form)
    set_request(answer=None, lease_until=utc_now() + IN_A_MINUTE)
    answer = send(visitor, form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert "still being answered" in answer.text
    assert len(bookings()) == 1


def test_giving_tickets_back_twice_is_no_mistake(visitor: Visitor, user: User) -> None:
    booking = make_booking(user=user)
    [form] = [form for form in visitor.forms(f"/bookings/{booking.id}/cancellation") if form.action.endswith("/cancellation")]
    first, again = (send(visitor, form) for _ in range(2))
    assert (first.status_code, again.status_code, again.location, is_replayed(again)) == (303, 303, first.location, True)
    assert [booking.status for booking in bookings()] == ["cancelled"]
