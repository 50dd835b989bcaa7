"""A booking that an organizer adds for an e-mail address goes to its owner, and tells the organizer nothing about accounts."""

import html
import re
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from evently.accounts.email_confirmation import confirm
from evently.accounts.models import User
from evently.accounts.passwords import NO_PASSWORD
from evently.accounts.services import get_for_update
from evently.bookings.manual_bookings import add_booking
from evently.bookings.models import Booking
from evently.bookings.tickets import tickets_of
from evently.database import transaction, utc_now
from evently.errors import Invalid
from evently.events.models import Event
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import auth, decide, get_booking, log_in, make_event, make_organizer, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import on_sqlite
from tests.harness.visitor import Visitor

ADDRESS = "victim@example.org"
TYPED = {"email": ADDRESS, "first_name": "Typed", "last_name": "Name"}


@pytest.fixture
def event(mira: User) -> Event:
    return make_event(by=mira, name="Concert", capacity=100)


@pytest.fixture
def desk(app: Flask, mira: User) -> Visitor:
    return Visitor(log_in(app.test_client(), mira))


def add(event: Event, **fields: Any) -> Booking:
    return add_booking(by=event.organizer, event_id=event.id, **{**TYPED, "tickets": 2} | fields)


def confirmed_user(**values: Any) -> User:
    return make_user(email_confirmed_at=utc_now(), **{"email": ADDRESS} | values)


def read(client: FlaskClient, path: str, by: User) -> TestResponse:
    return client.get(f"/api{path}", headers=auth(by))


@pytest.mark.parametrize("stranger", ["registered", "staff"])
def test_it_goes_to_no_account_that_only_claims_the_address(app: Flask, desk: Visitor, event: Event, stranger: str):
    attacker = make_user(email=ADDRESS, is_staff=stranger == "staff")
    answer = desk.submit(f"/dashboard/events/{event.id}/attendees/new", TYPED | {"tickets": 1})
    decide(event)
    booking = get_booking(uuid.UUID(answer.location.rpartition("/")[2]))
    assert (booking.user_id != attacker.id, booking.user.has_password, booking.status) == (True, False, "confirmed")
    assert read(app.test_client(), f"/users/{attacker.id}/bookings/", attacker).json["count"] == 0
    if stranger == "registered":
        assert read(app.test_client(), f"/bookings/{booking.id}/", attacker).status_code == 404
        taken = log_in(app.test_client(), attacker)
        for path in (f"/bookings/{booking.id}", f"/bookings/{booking.id}/tickets", f"/tickets/{tickets_of(booking)[0].name}"):
            assert taken.get(path).status_code == 404
    # A second one for the same address is the same person's, and its mail goes to the address.
    assert add(event).user_id == booking.user_id
    assert set(db.session.scalars(sa.select(Mail.to_address).where(Mail.booking_id == booking.id))) == {ADDRESS}


def test_it_goes_to_the_account_that_owns_the_address_however_many_claim_it(event: Event):
    make_user(email=ADDRESS)
    owner = confirmed_user()
    make_user(email=ADDRESS)
    assert add(event, email=ADDRESS.upper()).user_id == owner.id


def owner(kind: str, address: str) -> None:
    """An account of this kind with the address."""
    if kind in {"confirmed", "suspended"}:
        confirmed_user(email=address, first_name="Zenobia", is_active=kind == "confirmed")
    elif kind == "unconfirmed":
        make_user(email=address)
    elif kind == "guest":
        add(make_event(), email=address)


def test_manual_bookings_do_not_block_registration(app: Flask, event: Event):
    add(event)
    body = {"username": "victim", "email": ADDRESS, "password": "difference engine"}
    assert app.test_client().post("/api/user/auth/register/", json=body).status_code == 201


def test_the_owner_who_confirms_the_address_gets_what_was_booked_for_it(app: Flask, event: Event):
    """Also where both happen at once: the booking is theirs, whichever came first."""
    for number in range(4):
        address = f"late{number}@example.org"
        earlier, user_id = add(event, email=address).id if number % 2 else None, make_user(email=address).id
        at_once(app, [lambda address=address: add(reload_event(event.id), email=address).id, lambda user_id=user_id: confirm_now(user_id)])
        owners = set(db.session.scalars(sa.select(Booking.user_id).where(Booking.attendee_email == address)))
        assert owners == {user_id}
        assert earlier is None or get_booking(earlier).contact.name == "Typed Name"
    assert db.session.scalars(sa.select(User.id).where(User.password_hash == NO_PASSWORD)).all() == []


def reload_event(event_id: uuid.UUID) -> Event:
    return db.session.get(Event, event_id)


def confirm_now(user_id: int) -> None:
    with transaction():
        confirm(get_for_update(user_id))


KINDS = ("nobody", "confirmed", "unconfirmed", "suspended", "guest")


def test_the_answer_is_the_same_for_every_kind_of_account(app: Flask, desk: Visitor, event: Event):
    seen = {}
    for kind, address in zip(KINDS, (f"{letter}@example.org" for letter in "abcde"), strict=True):
        owner(kind, address)
        answer = desk.submit(f"/dashboard/events/{event.id}/attendees/new", TYPED | {"email": address, "tickets": 2})
        decide(event)
        booking = get_booking(uuid.UUID(answer.location.rpartition("/")[2]))
        listed = read(app.test_client(), f"/admin/events/{event.id}/bookings/", event.organizer).json["results"]
        row = next(row for row in listed if row["id"] == str(booking.id))
        pages = [answer.text, desk.get(answer.location).text, desk.get(f"/bookings/{booking.id}").text, str(row)]
        seen[kind] = (answer.status_code, [without_what_differs(page, booking, address) for page in pages])
    assert [kind for kind in KINDS if seen[kind] != seen["nobody"]] == []


def without_what_differs(page: str, booking: Booking, address: str) -> str:
    """Without ids, codes, times and what is new in every page."""
    for text in (
        str(booking.id),
        booking.reference,
        address,
        *(said for ticket in tickets_of(booking) for said in (ticket.code, ticket.name)),
    ):
        page = page.replace(text, "…")
    page = re.sub(r"""(nonce|content|value|hx-headers)=("[^"]{20,}"|'[^']*')""", "", page)
    return re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.Z+]+|\d\d:\d\d(:\d\d)?", "", page)


@on_sqlite
@pytest.mark.parametrize("fields", [{"first_name": "", "last_name": ""}, {"email": "no address"}, {"tickets": 0}, {"tickets": 999}])
def test_a_refusal_is_the_same_for_every_kind_of_account(mira: User, event: Event, fields: dict[str, Any]):
    refusals = set()
    for kind, address in zip(KINDS, (f"{letter}@example.org" for letter in "abcde"), strict=True):
        owner(kind, address)
        with pytest.raises(Invalid) as refusal:
            add_booking(by=mira, event_id=event.id, **{**TYPED, "tickets": 1, "email": address} | fields)
        refusals.add((refusal.value.code, str(refusal.value.fields)))
    assert len(refusals) == 1


@on_sqlite
def test_the_limit_names_what_was_typed(app: Flask):
    confirmed_user(first_name="Zenobia")
    event = make_event(max_tickets_per_user=2)
    add(event)
    with pytest.raises(Invalid, match=f"^At most 2 per person, and {re.escape(ADDRESS)} already has 2[.]$"):
        add(event, first_name="Another")


@on_sqlite
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_confirmed", [True, False])
def test_the_mail_says_who_added_it_and_nothing_that_was_typed(app: Flask, is_known: bool, is_confirmed: bool):
    organizer = make_organizer(first_name="Orla")
    if is_known:
        confirmed_user()
    booking = add(event := make_event(by=organizer), first_name="BUY", last_name="cheap.example")
    decide(event)
    mail = db.session.scalars(sa.select(Mail).where(Mail.booking_id == booking.id)).one()
    with transaction():
        organizer.email_confirmed_at = utc_now() if is_confirmed else None
    rendered = render_mail(mail)
    for text in (rendered.text, html.unescape(re.sub("<[^>]*>", "", rendered.html))):
        words = " ".join(text.split())
        assert f"{'Orla' if is_confirmed else 'The organizer'} added this booking for you and entered this e-mail address." in words
        assert f"because {ADDRESS} was entered for a booking" in words
        assert ("choose a password" in words) == (not is_known)
        assert ("BUY" in words, "cheap.example" in words, "asked for tickets" in words) == (False, False, False)
    assert f"/bookings/{booking.id}" in rendered.text
    assert f"/bookings/{booking.id}" in rendered.html


@pytest.mark.parametrize("left_out", [("last_name",), ("first_name",), ("first_name", "last_name"), ("email",), ("tickets",), tuple(TYPED)])
def test_a_form_without_some_of_its_fields_is_answered(desk: Visitor, event: Event, left_out: tuple[str, ...]):
    path = f"/dashboard/events/{event.id}/attendees/new"
    answer = desk.submit(path, TYPED | {"tickets": 1} | dict.fromkeys(left_out))
    assert answer.status_code == (303 if left_out in {("last_name",), ("first_name",)} else 422)
