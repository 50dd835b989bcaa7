"""The hidden key of a form: whoever presses its button twice gets one booking, and sees it both times."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from evently.accounts.email_changes import request_email_change
from evently.accounts.models import ApiToken, BrowserSession, User
from evently.accounts.sessions import create
from evently.accounts.signed_links import CONFIRM_ADDRESS, CONFIRM_EMAIL_CHANGE
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.extensions import db
from evently.http import idempotency
from evently.idempotency.models import IdempotentRequest
from tests.factories import PASSWORD, api_token, log_in, make_booking, make_event, make_manual_booking, make_organizer, make_user
from tests.harness.visitor import Form, Visitor
from tests.idempotency.conftest import bookings, contents, is_replayed, set_request
from tests.idempotency.test_retries import SOON


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
    refused = send(visitor, form, tickets="3")
    assert (refused.status_code, "This form was sent already" in refused.text) == (422, True)
    assert [booking.ticket_count for booking in bookings()] == [1]


def test_it_waits_for_the_first_ones_answer(visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    form = booking_form(visitor, make_event())
    first = send(visitor, form)
    [answer] = db.session.scalars(sa.select(IdempotentRequest.answer))
    set_request(answer=None, lease_until=utc_now() + SOON)
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


def test_a_web_thread_is_held_for_three_seconds_at_most() -> None:
    assert 2 <= idempotency.MAX_WAIT_SECONDS <= 3


def test_it_does_not_wait_for_ever(visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_WAIT_SECONDS", 0.1)
    form = booking_form(visitor, make_event())
    send(visitor, form)
    set_request(answer=None, lease_until=utc_now() + SOON)
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


def confirmation(user: User) -> str:
    return CONFIRM_ADDRESS.token(user_id=user.id, address=user.email, written_at=utc_now(), state="")


def change(user: User) -> int:
    """The id of a pending change of this user's address."""
    return request_email_change(user=user, email="new@example.org", reveals_taken=False).id


def signed_in_elsewhere(user: User) -> int:
    create("elsewhere", user_id=user.id, data={}, device="Firefox on Windows", is_remembered=False)
    return db.session.scalars(sa.select(BrowserSession.id).where(BrowserSession.id_sha256 == "elsewhere")).one()


def old_token(user: User) -> int:
    api_token(user)
    return db.session.scalars(sa.select(ApiToken.id)).one()


# address, the path its form posts to, what is changed in it, who is there
FORMS: dict[str, Callable[[User], tuple[str, str, dict[str, Any]]]] = {
    "book": lambda _: (f"/events/{(event := make_event()).id}", f"/events/{event.id}/bookings", {}),
    "cancel": lambda user: (path := f"/bookings/{make_booking(user=user).id}/cancellation", path, {}),
    "accept": lambda user: (f"/bookings/{(booking := make_manual_booking(user=user)).id}", f"/bookings/{booking.id}/acceptance", {}),
    "account": lambda _: ("/account", "/account", {"first_name": "Ada"}),
    "new event": lambda _: ("/dashboard/events/new", "/dashboard/events/new", NEW_EVENT),
    "edit event": lambda user: (path := f"/dashboard/events/{make_event(by=user).id}/edit", path, {"name": "Another"}),
    "publish": lambda user: (path := f"/dashboard/events/{make_event(by=user, status='draft').id}", f"{path}/publication", {}),
    "cancel event": lambda user: (path := f"/dashboard/events/{make_event(by=user).id}/cancellation", path, {}),
    "discard draft": lambda user: (
        f"/dashboard/events/{(event := make_event(by=user, status='draft')).id}/cancellation",
        f"/dashboard/events/{event.id}/discard",
        {},
    ),
    "address": lambda _: ("/account/address", "/account/address", {"email": "ada@example.org", "password": PASSWORD}),
    "pending address": lambda user: ("/account/address", change(user) and "/account/address/cancellation", {}),
    "changed address": lambda user: (
        path := f"/account/address/confirmation/{CONFIRM_EMAIL_CHANGE.token(change_id=change(user), written_at=utc_now())}",
        path,
        {},
    ),
    "password": lambda _: ("/account/password", "/account/password", {"password": PASSWORD, "new_password": "difference engine"}),
    "forgotten password": lambda user: ("/password-reset", "/password-reset", {"username": user.username}),
    "mail to confirm": lambda _: ("/account", "/account/confirmation", {}),
    "confirmation": lambda user: (path := f"/account/confirmation/{confirmation(user)}", path, {}),
    "other browser": lambda user: ("/account/sessions", f"/account/sessions/{signed_in_elsewhere(user)}/end", {}),
    "other browsers": lambda user: ("/account/sessions", signed_in_elsewhere(user) and "/account/sessions/end", {}),
    "old token": lambda user: ("/account/tokens", f"/account/tokens/{old_token(user)}/revoke", {}),
}
NEW_EVENT = {"name": "Concert", "venue": "Hall", "time": "2031-05-01T20:00", "capacity": "10", "price_per_ticket": "5"}
# Where somebody is signed in or out, nothing is changed, or the response holds a secret (tests/abuse/test_idempotency_secrets.py).
WITHOUT_KEY = {
    "/login",
    "/logout",
    "/account/tokens",
    "/register",
    "/account/closing",
    "/password-reset/<token>",
    "/account/address/undo/<token>",
    "/dashboard/events/description",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_carried_out_once(name: str, visitor: Visitor, app: Flask) -> None:
    user = make_organizer(email_confirmed_at=None if name in {"mail to confirm", "confirmation"} else utc_now())
    log_in(visitor.client, user)
    address, action, fields = FORMS[name](user)
    form = visitor._choose(address, visitor.forms(address), action)
    first = send(visitor, form, **fields)
    before = contents()
    again = send(visitor, form, **fields)
    assert contents() == before
    assert (first.status_code, again.status_code, again.location, is_replayed(again)) == (303, 303, first.location, True)
    assert again.text == first.text


def test_who_registers_by_pressing_twice_has_one_account_and_is_signed_in(visitor: Visitor, app: Flask) -> None:
    [form] = [form for form in visitor.forms("/register") if form.action.startswith("/register")]
    # The browser drops the answer to the first press, and its cookie.
    cookie = visitor.client.get_cookie("session")
    somebody = {"username": "mira", "email": "mira@talberg.example", "password": "correct horse"}
    first = send(visitor, form, **somebody)
    visitor.client.set_cookie("session", cookie.value)
    again = send(visitor, form, **somebody)
    assert (first.status_code, again.status_code, again.location, is_replayed(again)) == (303, 303, first.location, True)
    assert "Log out" in visitor.get("/").text
    assert db.session.query(User).count() == 1


def test_who_was_suspended_meanwhile_is_not_signed_in(visitor: Visitor, app: Flask) -> None:
    [form] = [form for form in visitor.forms("/register") if form.action.startswith("/register")]
    cookie = visitor.client.get_cookie("session")
    somebody = {"username": "mira", "email": "mira@talberg.example", "password": "correct horse"}
    send(visitor, form, **somebody)
    with transaction() as session:
        session.execute(sa.update(User).values(is_active=False))
    visitor.client.set_cookie("session", cookie.value)
    send(visitor, form, **somebody)
    assert "Log out" not in visitor.get("/").text


def test_signing_in_and_out_is_done_each_time(visitor: Visitor, app: Flask) -> None:
    """What a kept answer could not do: it is all about the cookie."""
    user = make_user()
    [form] = [form for form in visitor.forms("/login") if form.action.startswith("/login")]
    for _ in range(2):
        assert not is_replayed(send(visitor, form, username=user.username, password=PASSWORD))
        assert "Log out" in visitor.get("/").text
        [way_out] = [form for form in visitor.forms("/") if form.action == "/logout"]
        assert not is_replayed(send(visitor, way_out))
        assert "Log out" not in visitor.get("/").text
        form.fields = [(name, visitor.token() if name == "csrf_token" else value) for name, value in form.fields]
    assert db.session.query(IdempotentRequest).count() == 0


def test_another_picture_is_another_request(visitor: Visitor) -> None:
    log_in(visitor.client, make_organizer())
    [form] = [form for form in visitor.forms("/dashboard/events/new") if form.action == "/dashboard/events/new"]
    pictures = [picture("red"), picture("red"), picture("blue")]
    first, again, other = (send(visitor, form, **NEW_EVENT, cover=(io.BytesIO(content), "a.png")) for content in pictures)
    assert (first.status_code, again.status_code, is_replayed(again)) == (303, 303, True)
    assert (other.status_code, is_replayed(other)) == (422, False)


def picture(colour: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (400, 500), colour).save(content, "PNG")
    return content.getvalue()
