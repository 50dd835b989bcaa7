from collections.abc import Callable
from decimal import Decimal

from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.bookings.services import cancel_booking
from evently.events.models import Event
from tests.dashboard.reading import figures
from tests.factories import in_days, make_booking, make_event, make_user, reload
from tests.harness.visitor import Visitor


def address(event: Event, rest: str = "") -> str:
    return f"/dashboard/events/{event.id}{rest}"


def test_the_figures_of_one_event(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=400, price_per_ticket=Decimal(24))
    for tickets in (2, 3):
        make_booking(event=event, tickets=tickets)
    given_back = make_booking(event=event, tickets=10)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    for tickets in (1, 3):
        make_booking(event=event, tickets=tickets, decided=False)
    assert figures(desk.get(address(event)).text) == {
        "Tickets confirmed": ["5", "of 400 seats"],
        "Seats available": ["395"],
        "Revenue": ["€120.00", "€24.00 a ticket"],
        "Waiting in line": ["2", "4 tickets"],
    }


def test_money_is_counted_in_the_currency_it_was_paid_in(desk: Visitor, mira: User):
    event = make_event(by=mira, price_per_ticket=Decimal(10))
    make_booking(event=event)
    desk.submit(address(event, "/edit"), {"currency": "CHF", "price_per_ticket": "20"})
    make_booking(event=event)
    assert figures(desk.get(address(event)).text)["Revenue"][:2] == ["CHF\N{NO-BREAK SPACE}20.00", "€10.00"]


def test_the_newest_bookings_come_first_with_who_and_what(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=50, price_per_ticket=Decimal(15))
    ada = make_user(first_name="Ada", last_name="Quillfeather", email="ada@quillfeather.example")
    booking = make_booking(user=ada, event=event, tickets=2)
    newest = make_booking(event=event)
    cancel_booking(by=newest.user, booking_id=newest.id)
    page = desk.get(address(event)).text
    assert "Ada Quillfeather" in page
    assert "ada@quillfeather.example" in page
    assert "€30.00" in page
    assert page.index(newest.reference) < page.index(booking.reference)
    assert page.index("badge--cancelled") < page.index("badge--confirmed")
    assert f'href="/dashboard/events/{event.id}/attendees/{booking.id}"' in page
    assert desk.get(f"/bookings/{booking.id}").status_code == 200


def test_bookings_are_paged_as_a_page_and_as_a_fragment(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=50)
    bookings = [make_booking(event=event) for _ in range(22)]
    assert "Showing 1–20 of 22 bookings" in desk.get(address(event)).text
    fragment = desk.get(address(event, "?page=2"), htmx=True).text
    assert fragment.strip().startswith('<section class="stack" id="booking-table"')
    assert bookings[0].reference in fragment
    assert bookings[-1].reference not in fragment
    assert "There is no page 9" in desk.get(address(event, "?page=9")).text


def test_more_bookings_need_no_more_statements(desk: Visitor, mira: User, statements: Callable[[FlaskClient, str], int]):
    event = make_event(by=mira, capacity=50)
    make_booking(event=event)
    few = statements(desk.client, address(event))
    for _ in range(18):
        make_booking(event=event)
    assert statements(desk.client, address(event)) == few <= 12


def test_names_are_text(desk: Visitor, mira: User):
    event = make_event(by=mira, name="<b>Bold</b>", description="<script>alert(1)</script>", summary="<i>x</i>")
    make_booking(event=event, user=make_user(first_name="<u>Ada</u>"))
    page = desk.get(address(event)).text
    assert "<b>Bold" not in page
    assert "<u>Ada" not in page
    assert "<i>x" not in page
    assert "<script>alert" not in page


def test_a_draft_is_published(desk: Visitor, mira: User):
    draft = make_event(by=mira, status="draft")
    assert "Only you and staff can see it" in desk.get(address(draft)).text
    assert f'href="/events/{draft.id}"' not in desk.get(address(draft)).text
    answer = desk.submit(address(draft), action=address(draft, "/publication"))
    assert (answer.status_code, answer.location) == (303, address(draft))
    assert draft.status == "published"
    page = desk.get(address(draft)).text
    assert "The event is published." in page
    assert f'href="/events/{draft.id}"' in page
    assert desk.get(f"/events/{draft.id}").status_code == 200


def test_a_draft_whose_day_has_passed_leads_to_the_editor(desk: Visitor, mira: User):
    draft = make_event(by=mira, status="draft", time=in_days(-1))
    answer = desk.submit(address(draft), action=address(draft, "/publication"))
    assert answer.status_code == 422
    assert "Starts: Choose a moment in the future." in answer.text
    assert draft.status == "draft"


def test_before_cancelling_it_says_who_is_affected(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=50)
    ada = make_user()
    for tickets in (2, 3):
        make_booking(user=ada, event=event, tickets=tickets)
    make_booking(event=event, tickets=4, decided=False)
    gone = make_booking(event=event, tickets=7)
    cancel_booking(by=gone.user, booking_id=gone.id)
    page = desk.get(address(event, "/cancellation")).text
    assert "<strong>2 people with 9 tickets</strong> will be told by mail." in page
    assert "All 3 bookings are cancelled at once" in page


def test_cancelling_ends_every_booking_and_frees_no_seat(desk: Visitor, mira: User):
    event = make_event(by=mira, capacity=5)
    confirmed, waiting = make_booking(event=event, tickets=3), make_booking(event=event, decided=False)
    answer = desk.submit(address(event, "/cancellation"))
    assert (answer.status_code, answer.location) == (303, address(event))
    assert event.status == "cancelled"
    assert {reload(booking).status for booking in (confirmed, waiting)} == {"cancelled"}
    page = desk.get(address(event)).text
    assert "is cancelled." in page
    assert f'href="{address(event, "/edit")}"' not in page
    assert figures(page)["Tickets confirmed"][0] == "0"


def test_cancelling_with_a_word_to_the_people(desk: Visitor, mira: User):
    event = make_event(by=mira)
    make_booking(event=event)
    page, look, words = address(event, "/cancellation"), address(event, "/cancellation/preview"), "The <organ> is broken."
    assert "Cancel the event and tell 1 person</button>" in desk.get(page).text
    form = dict(next(form for form in desk.forms(page) if form.action == page).fields)
    for htmx in (False, True):
        # With the same key as before: nothing comes of a look.
        headers = {"HX-Request": "true"} if htmx else {}
        answer = desk.client.post(look, data=form | {"cancellation_note": words if htmx else "Other words."}, headers=headers)
        assert (answer.status_code, 'id="cancellation-mail"' in answer.text, "<!doctype" in answer.text.lower()) == (200, True, not htmx)
        assert "Cancelled: " in answer.text
    mail = desk.get(address(event, "/cancellation/mail"))
    assert "The &lt;organ&gt; is broken.<br>" in mail.text
    assert "sandbox" in mail.headers["Content-Security-Policy"]
    for action in (look, page):
        answer = desk.client.post(action, data=form | {"cancellation_note": 2001 * "x"})
        assert (answer.status_code, "Use at most 2000 characters." in answer.text, event.status) == (422, True, "published")
    assert desk.submit(page, {"cancellation_note": words}).status_code == 303
    assert (event.status, event.cancellation_note) == ("cancelled", words)
    assert "The &lt;organ&gt; is broken." in desk.get(address(event)).text


def test_cancelling_twice_is_refused_and_asking_again_leads_back(desk: Visitor, mira: User):
    event = make_event(by=mira)
    token = desk.token(address(event, "/cancellation"))
    desk.submit(address(event, "/cancellation"))
    assert desk.client.post(address(event, "/cancellation"), data={"csrf_token": token}).status_code == 409
    assert desk.get(address(event, "/cancellation")).location == address(event)
    assert desk.get(address(event, "/edit")).location == address(event)


def test_what_has_started_cannot_be_cancelled(desk: Visitor, mira: User):
    event = make_event(by=mira, time=in_days(-1))
    assert "Cancel this event" not in desk.get(address(event)).text
    assert desk.get(address(event, "/cancellation")).location == address(event)
    assert desk.client.post(address(event, "/cancellation"), data={"csrf_token": desk.token("/account")}).status_code == 409


def test_a_draft_is_discarded_without_a_word_to_anybody(desk: Visitor, mira: User):
    draft = make_event(by=mira, name="Never mind", status="draft")
    assert "Discard this draft?" in desk.get(address(draft, "/cancellation")).text
    answer = desk.submit(address(draft, "/cancellation"), action=address(draft, "/discard"))
    assert (answer.status_code, answer.location) == (303, "/dashboard/events")
    assert desk.get(address(draft)).status_code == 404
    assert desk.get(f"/events/{draft.id}").status_code == 404
    assert "Never mind" not in desk.get("/dashboard/events?when=all").text


def test_a_draft_is_not_cancelled_and_a_published_event_not_discarded(desk: Visitor, mira: User):
    draft, event = make_event(by=mira, status="draft"), make_event(by=mira)
    token = desk.token("/account")
    assert desk.client.post(address(draft, "/cancellation"), data={"csrf_token": token}).status_code == 409
    assert desk.client.post(address(event, "/discard"), data={"csrf_token": token}).status_code == 409
    assert (draft.status, event.status, event.archived_at) == ("draft", "published", None)
