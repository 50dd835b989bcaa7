import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select

from evently.accounts.models import User
from evently.bookings.models import CANCELLED, CONFIRMED, FAILED, PROCESSING, Booking
from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.events.models import Event
from evently.events.services import cancel_event
from evently.extensions import db
from tests.factories import decide, in_days, log_in, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.visitor import Visitor

HTMX = {"HX-Request": "true"}


@pytest.fixture
def user(visitor: Visitor) -> User:
    user = make_user(first_name="Mira", last_name="Talberg")
    log_in(visitor.client, user)
    return user


def bookings() -> int:
    return db.session.scalar(select(func.count()).select_from(Booking))


def book(visitor: Visitor, event: Event, tickets: object, *, htmx: bool = False):
    return visitor.submit(f"/events/{event.id}", {"tickets": tickets}, action=f"/events/{event.id}/bookings", htmx=htmx)


def fail(booking: Booking, code: str) -> Booking:
    with transaction():
        booking.status, booking.failure_code = FAILED, code
    return booking


def test_booking_leads_to_the_place_in_line_and_then_to_the_seats(visitor: Visitor, user: User):
    event = make_event(name="Nachtkonzert")
    answer = book(visitor, event, 2)
    assert answer.status_code == 303
    waiting = visitor.get(answer.location)
    assert "You are in line for 2 tickets" in waiting.text
    assert 'hx-trigger="load delay:1s"' in waiting.text
    assert '<meta http-equiv="refresh"' in waiting.text
    decide(event)
    done = visitor.get(answer.location)
    assert "Two seats are yours" in done.text
    assert "http-equiv" not in done.text
    booking = db.session.scalars(select(Booking)).one()
    assert booking.status == CONFIRMED
    assert booking.ticket_count == 2


def test_the_status_is_a_fragment_for_htmx_and_stops_asking(visitor: Visitor, user: User):
    booking = make_booking(user=user, decided=False)
    fragment = visitor.get(f"/bookings/{booking.id}", htmx=True).text
    assert fragment.strip().startswith('<section class="stub" id="booking-status"')
    assert "hx-trigger" in fragment
    with transaction():
        booking.status, booking.failure_code = FAILED, "sold_out"
    assert "hx-trigger" not in visitor.get(f"/bookings/{booking.id}", htmx=True).text


def test_the_place_in_line_counts_those_ahead(visitor: Visitor, user: User):
    event = make_event()
    for _ in range(3):
        make_booking(event=event, decided=False)
    booking = make_booking(user=user, event=event, decided=False)
    assert '<span class="place">3</span>' in visitor.get(f"/bookings/{booking.id}").text


def test_htmx_is_sent_on_by_a_header(visitor: Visitor, user: User):
    answer = book(visitor, make_event(), 1, htmx=True)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/bookings/")


@pytest.mark.parametrize(
    ("tickets", "words"),
    [
        ("0", "Choose 1 to 10"),
        ("11", "Choose 1 to 10"),
        ("two", "whole number"),
        ("", "whole number"),
        ("1.5", "whole number"),
        ("1_0", "whole number"),
        ("٣", "whole number"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_a_wrong_number_comes_back_with_what_was_typed(visitor: Visitor, user: User, tickets: str, words: str, htmx: bool):
    answer = book(visitor, make_event(capacity=20), tickets, htmx=htmx)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{tickets}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'id="error-summary"' in answer.text
    assert ("<html" in answer.text) is not htmx
    assert bookings() == 0


def test_a_refusal_by_the_state_of_things_comes_back_in_place(visitor: Visitor, user: User):
    event = make_event(capacity=3)
    make_booking(event=event, tickets=1)
    answer = book(visitor, event, 3, htmx=True)
    assert answer.status_code == 409
    assert "Only 2 seats are left, you asked for 3." in answer.text
    assert "Choose fewer tickets" in answer.text
    assert answer.headers["HX-Retarget"] == "#booking-box"
    assert answer.text.strip().startswith('<div class="stub" id="booking-box"')


def test_whoever_comes_too_late_sees_the_event_as_it_is(visitor: Visitor, user: User):
    event = make_event(capacity=1)
    visitor.get(f"/events/{event.id}")
    token = visitor.token(f"/events/{event.id}")
    make_booking(event=event)
    answer = visitor.client.post(f"/events/{event.id}/bookings", data={"tickets": 1, "csrf_token": token})
    assert answer.status_code == 409
    assert "This event is sold out." in answer.text
    assert "it is for sale again here at once" in answer.text


def test_the_same_form_sent_twice_books_once(visitor: Visitor, user: User):
    event = make_event()
    form = next(form for form in visitor.forms(f"/events/{event.id}") if form.action.endswith("/bookings"))
    first, second = (visitor.client.post(form.action, data=dict(form.fields)) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert bookings() == 1


@pytest.mark.parametrize(("way", "door"), [(None, "/login"), ("register", "/register")])
def test_a_guest_comes_back_with_the_number_kept(visitor: Visitor, way: str | None, door: str):
    event = make_event()
    answer = visitor.submit(f"/events/{event.id}", {"tickets": 3, "way": way}, action=f"/events/{event.id}/bookings")
    assert answer.status_code == 303
    place = urlsplit(answer.location)
    assert place.path == door
    assert parse_qs(place.query)["next"] == [f"/events/{event.id}?tickets=3#book"]
    assert bookings() == 0


def test_booking_needs_a_token_of_ours(visitor: Visitor, user: User):
    event = make_event()
    answer = visitor.client.post(f"/events/{event.id}/bookings", data={"tickets": 1})
    assert answer.status_code == 400
    assert bookings() == 0


def test_booking_too_often_is_slowed_down(app: Flask, visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "BOOKING_RATE_LIMIT", "2 per minute")
    event = make_event(capacity=100)
    answers = [book(visitor, event, 1).status_code for _ in range(3)]
    assert answers == [303, 303, 429]
    answer = book(visitor, event, 1, htmx=True)
    assert "Please wait a moment" in answer.text
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sold_out", "Only 1 seat is left, you asked for 2"),
        ("over_user_limit", "per person"),
        ("event_started", "The event began before your turn"),
        ("event_not_available", "went off sale"),
    ],
)
def test_a_failed_booking_says_why_and_what_to_do(visitor: Visitor, user: User, code: str, words: str):
    event = make_event(capacity=4, max_tickets_per_user=4)
    booking = make_booking(user=user, event=event, tickets=2, decided=False)
    make_booking(event=event, tickets=3, decided=False)
    fail(booking, code)
    decide(event)
    page = visitor.get(f"/bookings/{booking.id}").text
    assert words in page
    assert "Nothing was booked" in page


def test_a_house_that_filled_up_is_told_apart_from_one_with_seats_again(visitor: Visitor, user: User):
    event = make_event(capacity=2)
    other = make_booking(event=event, tickets=2)
    booking = fail(make_booking(user=user, event=make_event(), tickets=2, decided=False), "sold_out")
    with transaction():
        booking.event_id = event.id
    address = f"/bookings/{booking.id}"
    assert "for sale again on the event’s page" in visitor.get(address).text
    cancel_booking(by=other.user, booking_id=other.id)
    page = visitor.get(address).text
    assert "2 seats can be booked right now" in page
    assert f"/events/{event.id}?tickets=2#book" in page


def test_nobody_sees_the_bookings_of_others(visitor: Visitor, user: User):
    booking = make_booking()
    for path in ("", "/cancellation"):
        assert visitor.get(f"/bookings/{booking.id}{path}").status_code == 404
    assert visitor.get(f"/bookings/{uuid.uuid4()}").status_code == 404
    token = visitor.token("/account")
    assert visitor.client.post(f"/bookings/{booking.id}/cancellation", data={"csrf_token": token}).status_code == 404
    assert reload(booking).status == CONFIRMED


def test_staff_see_whose_booking_it_is(visitor: Visitor):
    booking = make_booking(user=make_user(first_name="Mira", last_name="Talberg"))
    log_in(visitor.client, make_staff())
    assert "You are looking at the booking of Mira Talberg." in visitor.get(f"/bookings/{booking.id}").text


def test_cancelling_says_what_happens_before_it_does(visitor: Visitor, user: User):
    event = make_event(capacity=2)
    booking = make_booking(user=user, event=event, tickets=2)
    page = visitor.get(f"/bookings/{booking.id}/cancellation").text
    assert "Both seats go" in page
    assert "This cannot be undone." in page
    assert reload(booking).status == CONFIRMED
    answer = visitor.submit(f"/bookings/{booking.id}/cancellation")
    assert answer.status_code == 303
    after = visitor.get(answer.location).text
    assert "The booking is cancelled." in after
    assert "This booking is cancelled" in after
    assert reload(booking).status == CANCELLED
    assert "2 seats left" in visitor.get(f"/events/{event.id}").text


def test_the_cancellation_sent_twice_is_answered_alike(visitor: Visitor, user: User):
    address = f"/bookings/{make_booking(user=user).id}/cancellation"
    form = next(form for form in visitor.forms(address) if form.action == address)
    answers = [visitor.client.post(address, data=dict(form.fields)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]


def test_leaving_the_line_is_cancelling_too(visitor: Visitor, user: User):
    booking = make_booking(user=user, decided=False)
    assert "Leave the line?" in visitor.get(f"/bookings/{booking.id}/cancellation").text
    visitor.submit(f"/bookings/{booking.id}/cancellation")
    assert reload(booking).status == CANCELLED


def test_what_can_no_longer_be_cancelled_offers_no_button(visitor: Visitor, user: User):
    booking = make_booking(user=user, event=make_event(cancellation_deadline=in_days(-1)))
    page = visitor.get(f"/bookings/{booking.id}").text
    assert "could be cancelled until" in page
    assert "Cancel booking" not in page
    assert visitor.get(f"/bookings/{booking.id}/cancellation").location == f"/bookings/{booking.id}"


def test_my_bookings_are_sorted_into_tabs(visitor: Visitor, user: User):
    organizer = make_organizer()
    called_off = make_event(name="Called off", by=organizer)
    make_booking(user=user, event=make_event(name="Coming up"))
    make_booking(user=user, event=make_event(name="In line still"), decided=False)
    cancelled = make_booking(user=user, event=make_event(name="Given back"))
    cancel_booking(by=user, booking_id=cancelled.id)
    make_booking(user=user, event=called_off)
    cancel_event(by=organizer, event_id=called_off.id)
    past = make_booking(user=user, event=make_event(name="Long ago"))
    with transaction():
        past.event.time = in_days(-3)
    make_booking(event=make_event(name="Somebody else’s"))
    upcoming = visitor.get("/bookings").text
    assert "Coming up" in upcoming
    assert "In line still" in upcoming
    for name in ("Given back", "Called off", "Long ago", "Somebody else’s"):
        assert name not in upcoming
    assert "Long ago" in visitor.get("/bookings?tab=past").text
    gone = visitor.get("/bookings?tab=cancelled").text
    assert "Given back" in gone
    assert "Event cancelled" in gone
    assert visitor.get("/bookings?tab=nonsense").status_code == 200


def test_empty_lists_offer_a_way_on(visitor: Visitor, user: User):
    for tab, words in (("upcoming", "Nothing coming up"), ("past", "Nothing yet"), ("cancelled", "Nothing cancelled")):
        assert words in visitor.get(f"/bookings?tab={tab}").text
    assert "There is no page 3" in visitor.get("/bookings?page=3").text


@pytest.mark.parametrize("path", ["/bookings", f"/bookings/{uuid.UUID(int=1)}", "/account"])
def test_guests_are_asked_to_sign_in_and_brought_back(visitor: Visitor, path: str):
    answer = visitor.get(path)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.location).query)["next"] == [path]


def test_a_booking_in_line_is_not_called_decided(visitor: Visitor, user: User):
    booking = make_booking(user=user, decided=False)
    assert booking.status == PROCESSING
    assert "Show booking" not in visitor.get("/bookings").text
