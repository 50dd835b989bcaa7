"""Pages of figures: what they say, for which days, as drawing, table and file."""

import datetime as dt
import re
from decimal import Decimal

import pytest
import sqlalchemy as sa

from evently.bookings.check_ins import insert_check_ins
from evently.bookings.models import Booking
from evently.bookings.services import cancel_booking
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.reporting.rollup_verification import rebuild
from tests.factories import log_in, make_booking, make_event, make_organizer, make_staff
from tests.harness.site import fresh

# What differs between the databases is in tests/reporting.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def jazz(mira):
    """Two bookings yesterday, one forty days ago, one given back."""
    event = make_event(by=mira, name="Jazz", capacity=20, price_per_ticket=Decimal("12.50"))
    for days_ago, tickets in ((1, 2), (1, 3), (40, 4)):
        made(make_booking(event=event, tickets=tickets), days_ago)
    given_back = make_booking(event=event)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    rebuild()
    return event


def made(booking, days_ago):
    with transaction() as session:
        moment = utc_now() - dt.timedelta(days=days_ago)
        session.execute(sa.update(Booking).where(Booking.id == booking.id).values(booking_date=moment))


def words(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_figures_of_the_last_days(client, mira, jazz):
    text = words(log_in(client, mira).get("/dashboard/analytics"))
    assert "Bookings 2 " in text
    assert "Tickets 5 " in text
    assert "Revenue €62.50" in text
    assert "Cancelled 33.33% 1 of 3 bookings ever confirmed" in text
    assert "1 more than the 30 days before" in text
    text = words(client.get("/dashboard/analytics?days=all"))
    assert "Bookings 3 confirmed now" in text
    assert "Revenue €112.50" in text
    assert text.count("Jazz") == 2


def test_the_currency_that_brought_most_is_named_first(client, mira, jazz):
    fair = make_event(by=mira, name="Fair", price_per_ticket=Decimal(9), currency="AUD")
    make_booking(event=fair, tickets=2)
    answer = log_in(client, mira).get("/dashboard/analytics")
    assert "Revenue €62.50 and A$18.00" in words(answer)
    assert list(dict.fromkeys(re.findall(r"Revenue per day, (\w+)", words(answer)))) == ["EUR", "AUD"]


def test_the_address_says_the_days(client, mira, jazz):
    log_in(client, mira)
    day = (utc_now() - dt.timedelta(days=40)).date()
    page = client.get(f"/dashboard/analytics?from={day}&to={day}")
    assert "Bookings 1 confirmed now" in words(page)
    assert f'name="from" type="date" value="{day}"' in page.text
    for nonsense in ("from=yesterday", "days=12", "from=9999-12-31&to=0001-01-01", "from=0001-01-01", "to=0001-01-01", "days=%00"):
        assert client.get(f"/dashboard/analytics?{nonsense}").status_code == 200
        assert client.get(f"/dashboard/events/{jazz.id}/analytics?{nonsense}").status_code == 200


def test_only_the_figures_are_sent_to_htmx(client, mira, jazz):
    answer = log_in(client, mira).get("/dashboard/analytics?days=7", headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith('<div class="stack dash" id="analytics">')
    assert answer.headers["HX-Push-Url"] == "/dashboard/analytics?days=7"


def test_each_chart_is_a_drawing_a_table_and_a_file(client, mira, jazz):
    page = log_in(client, mira).get(f"/dashboard/events/{jazz.id}/analytics").text
    names = re.findall(r'<section class="stack" aria-labelledby="chart-([a-z-]+)"', page)
    assert names == ["bookings", "capacity", "revenue-eur"]
    for part in ("<title id=", "<desc id=", "<caption", "download"):
        assert page.count(part) >= len(names)
    files = {name: client.get(f"/dashboard/events/{jazz.id}/analytics/{name}.csv") for name in names}
    yesterday = (utc_now() - dt.timedelta(days=1)).date()
    assert f"{yesterday},2\r\n" in files["bookings"].text
    assert f"{yesterday},62.50\r\n" in files["revenue-eur"].text
    # Four of them were sold before.
    assert f"{yesterday},9\r\n" in files["capacity"].text
    assert all(file.mimetype == "text/csv" and "attachment" in file.headers["Content-Disposition"] for file in files.values())
    assert client.get(f"/dashboard/events/{jazz.id}/analytics/none.csv").status_code == 404


def test_long_times_are_drawn_by_the_week_and_the_month_and_written_by_the_day(client, mira, jazz):
    log_in(client, mira)
    assert "Bookings per week" in client.get("/dashboard/analytics?days=90").text
    assert "Bookings per month" in client.get("/dashboard/analytics?days=365").text
    assert len(client.get("/dashboard/analytics/bookings.csv?days=365").text.splitlines()) == 366


def test_who_came_and_who_did_not(client, mira, jazz):
    booking = sa.select(Booking).where(Booking.event_id == jazz.id, Booking.ticket_count == 4)
    with transaction() as session:
        found = session.scalars(booking).one()
        insert_check_ins(event_id=jazz.id, seats=[(found.seq, 1), (found.seq, 2), (found.seq, 3)], by_id=mira.id)
        session.execute(sa.update(Event).where(Event.id == jazz.id).values(time=utc_now() - dt.timedelta(hours=1)))
    fresh()
    text = words(log_in(client, mira).get(f"/dashboard/events/{jazz.id}/analytics"))
    assert "No-shows 66.67% 6 of 9 tickets" in text
    assert "3 tickets came in." in text
    assert client.get(f"/dashboard/events/{jazz.id}/analytics/arrivals.csv").text.endswith(",3\r\n")


def test_lists_of_the_first_events(client, mira, jazz):
    make_booking(event=make_event(by=mira, name="=SUM(A1)", capacity=2))
    log_in(client, mira)
    assert client.get("/dashboard/analytics/popular.csv").text == "Event,Bookings\r\nJazz,3\r\n'=SUM(A1),1\r\n"
    assert client.get("/dashboard/analytics/fullest.csv").text == "Event,Percent taken\r\n'=SUM(A1),50.0\r\nJazz,45.0\r\n"


def test_organizers_see_their_own(client, mira, jazz):
    text = words(log_in(client, make_organizer()).get("/dashboard/analytics?days=all"))
    assert "Bookings 0 " in text
    assert "Nothing sold yet" in text
    assert "Bookings 3 " in words(log_in(client, make_staff()).get("/dashboard/analytics?days=all"))


def test_as_many_statements_for_many_events_as_for_one(client, mira, jazz, statements):
    log_in(client, mira)
    addresses = ("/dashboard/analytics?days=all", f"/dashboard/events/{jazz.id}/analytics?days=all")
    few = [statements(client, address) for address in addresses]
    for _ in range(3):
        make_booking(event=make_event(by=mira))
    make_booking(event=jazz)
    assert [statements(client, address) for address in addresses] == few
    assert max(few) <= 8
