from collections.abc import Callable
from decimal import Decimal

import sqlalchemy as sa
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.bookings.models import Booking, CheckIn
from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.events.models import Event, TicketStock
from evently.extensions import db
from evently.notifications.models import Mail
from evently.reporting.rollup_verification import find_mismatches, rebuild
from tests.dashboard.reading import figures, needs
from tests.factories import in_days, make_booking, make_event, make_staff, make_user
from tests.harness.visitor import Visitor


def test_a_new_organizer_is_shown_the_first_step(desk: Visitor):
    page = desk.get("/dashboard/").text
    assert "Hello, Mira" in page
    assert "Create your first event" in page
    assert 'href="/dashboard/events/new"' in page
    assert "figures" not in page


def test_the_figures_agree_with_the_ledger(desk: Visitor, mira: User):
    concert = make_event(by=mira, capacity=20, price_per_ticket=Decimal("12.50"))
    race = make_event(by=mira, capacity=1200, price_per_ticket=Decimal(150), currency="SEK", time=in_days(40))
    over = make_event(by=mira, capacity=5, price_per_ticket=Decimal(20), time=in_days(1))
    make_event(by=mira, status="draft", capacity=70)
    make_event(by=mira, status="cancelled", capacity=80)
    # Somebody else's money.
    make_booking(tickets=7)
    for event, tickets in ((concert, 3), (concert, 4), (race, 10), (over, 2)):
        make_booking(event=event, tickets=tickets)
    given_back = make_booking(event=concert, tickets=5)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    old = make_booking(event=concert)
    make_booking(event=concert, tickets=6, decided=False)
    with transaction() as session:
        over.time = in_days(-1)
        old.booking_date = in_days(-8)
        seat = session.scalars(sa.select(Booking).where(Booking.event_id == over.id)).one()
        session.add(CheckIn(booking_seq=seat.seq, seat=1, event_id=over.id))
    # What was changed above went past the services.
    rebuild()

    page = desk.get("/dashboard/").text
    assert figures(page) == {
        "Tickets confirmed": ["20", "19 in the last 7 days, 18 more than the week before"],
        "Seats available": ["1,202", "in 2 published events to come"],
        "Revenue": [
            "SEK\N{NO-BREAK SPACE}1,500.00",
            "SEK\N{NO-BREAK SPACE}1,500.00 in the last 7 days, SEK\N{NO-BREAK SPACE}1,500.00 more than the week before",
            "also €140.00",
        ],
        "Check-in rate": ["50.0%", "1 of 2 tickets came"],
    }
    assert "3 to come, 1 draft, 5 events in all" in page
    assert list(find_mismatches()) == []
    held = db.session.scalar(sa.select(sa.func.sum(TicketStock.reserved)))
    confirmed = db.session.scalar(sa.select(sa.func.sum(Booking.ticket_count)).where(Booking.status == "confirmed"))
    assert held == confirmed == 20 + 7


def test_what_needs_attention_is_said_once_for_each_event(desk: Visitor, mira: User):
    full = make_event(by=mira, name="Full", capacity=2, time=in_days(3))
    make_booking(event=full, tickets=2)
    nearly = make_event(by=mira, name="Nearly", capacity=10, time=in_days(4))
    make_booking(event=nearly, tickets=9)
    unsold = make_event(by=mira, name="Unsold", time=in_days(5))
    draft = make_event(by=mira, name="Draft", status="draft", time=in_days(6))
    soon = make_event(by=mira, name="Soon", time=in_days(60), sales_start=in_days(7))
    # All is well with these, or nothing can be done any more.
    fine = make_event(by=mira, time=in_days(2))
    make_booking(event=fine)
    make_event(by=mira, time=in_days(60))
    make_event(by=mira, time=in_days(2), sales_end=in_days(-1))
    make_event(by=mira, status="cancelled", time=in_days(2))
    make_event(by=mira, status="draft", time=in_days(-2))
    make_event(by=mira, status="draft", time=in_days(90))
    make_event(time=in_days(2))

    page = desk.get("/dashboard/").text
    found = needs(page)
    edit = "/dashboard/events/{}/edit"
    assert [address for _, address in found] == [
        edit.format(full.id) + "#capacity",
        edit.format(nearly.id) + "#capacity",
        f"/events/{unsold.id}",
        edit.format(draft.id),
        edit.format(soon.id) + "#sales_start",
    ]
    assert [words.split(",")[0] for words, _ in found[:4]] == ["Sold out", "1 seat left", "No ticket sold yet", "Still a draft"]
    assert found[0][0].endswith("3 days to go")
    assert found[4][0].startswith("On sale from ")
    listed = desk.get("/dashboard/events?state=needs&when=all").text
    assert listed.count('<th scope="row">') == 5


def test_nothing_to_do_is_said_too(desk: Visitor, mira: User):
    make_booking(event=make_event(by=mira))
    assert "Nothing at the moment" in desk.get("/dashboard/").text


def test_mails_that_do_not_leave_are_said_first(desk: Visitor, mira: User):
    make_booking(event=make_event(by=mira))
    assert "Mails do not leave" not in desk.get("/dashboard/").text
    with transaction() as session:
        session.execute(sa.update(Mail).values(created_at=in_days(-1), not_before=in_days(-1), last_error="450 greylisted"))
    page = desk.get("/dashboard/").text
    assert "Mails do not leave" in page
    assert "1 mail waits since" in page
    assert "450" not in page


def test_organizers_see_mails_of_their_own_events_only(desk: Visitor, desk_of: Callable[[User], Visitor], mira: User):
    for event in (make_event(by=mira), make_event(), make_event()):
        make_booking(event=event)
    with transaction() as session:
        session.execute(sa.update(Mail).values(created_at=in_days(-1), not_before=in_days(-1), last_error="450 greylisted"))
    assert "1 mail waits since" in desk.get("/dashboard/").text
    assert "3 mails wait since" in desk_of(make_staff()).get("/dashboard/").text
    with transaction() as session:
        session.execute(
            sa.update(Mail).where(Mail.event_id.in_(sa.select(Event.id).where(Event.organizer_id == mira.id))).values(status="sent")
        )
    assert "Mails do not leave" not in desk.get("/dashboard/").text


def test_more_than_a_few_reminders_lead_to_the_list(desk: Visitor, mira: User):
    for _ in range(8):
        make_event(by=mira, status="draft")
    page = desk.get("/dashboard/").text
    assert len(needs(page)) == 6
    assert 'href="/dashboard/events?state=needs">All 8 events that need you' in page


def test_staff_see_the_whole_site(desk_of: Callable[[User], Visitor]):
    make_booking(tickets=2)
    make_booking(tickets=3)
    page = desk_of(make_staff()).get("/dashboard/").text
    assert figures(page)["Tickets confirmed"][0] == "5"
    assert "every event on the site" in page


def test_everything_over_says_so(desk: Visitor, mira: User):
    make_event(by=mira, time=in_days(-3))
    assert "Nothing coming up" in desk.get("/dashboard/").text


def test_more_events_and_bookings_need_no_more_statements(desk: Visitor, mira: User, statements: Callable[[FlaskClient, str], int]):
    make_booking(event=make_event(by=mira, capacity=1))
    few = statements(desk.client, "/dashboard/")
    for number in range(12):
        event = make_event(by=mira, capacity=3, time=in_days(number + 2))
        make_booking(event=event, user=make_user(), tickets=number % 3 + 1)
    assert statements(desk.client, "/dashboard/") == few <= 14
