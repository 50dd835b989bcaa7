import datetime as dt

import pytest
import sqlalchemy as sa

from evently.bookings.allocator import decide_queued
from evently.bookings.models import Booking
from evently.bookings.services import cancel_booking
from evently.database import transaction
from evently.errors import NotAllowed
from evently.events.services import cancel_event, delete_event
from evently.reporting.queries import DailyBookings, get_event_report, get_overview
from evently.reporting.rollup_verification import rebuild
from tests.factories import make_booking, make_event, make_organizer, make_staff, make_user


def made_at(booking, moment):
    with transaction() as session:
        session.execute(sa.update(Booking).where(Booking.id == booking.id).values(booking_date=moment))
    rebuild()


def test_bookings_are_counted_and_not_tickets(app):
    organizer = make_organizer()
    jazz, rock = make_event(by=organizer, name="Jazz", capacity=10), make_event(by=organizer, name="Rock", capacity=3)
    make_booking(event=jazz, tickets=5)
    for _ in range(2):
        make_booking(event=rock, tickets=1)
    make_booking(event=jazz, decided=False)
    overview = get_overview(by=organizer)
    assert overview.total_bookings == 3
    assert [(event.name, event.bookings) for event in overview.most_popular_events] == [("Rock", 2), ("Jazz", 1)]
    assert [(event.name, event.utilization_percentage) for event in overview.capacity_utilization] == [("Rock", 66.67), ("Jazz", 50.0)]


def test_organizers_see_their_own_and_staff_everything(app):
    mine, theirs = make_event(), make_event()
    for event in (mine, theirs, theirs):
        make_booking(event=event)
    own = get_overview(by=mine.organizer)
    assert (own.total_bookings, [event.event_id for event in own.capacity_utilization]) == (1, [mine.id])
    everything = get_overview(by=make_staff())
    assert (everything.total_bookings, everything.most_popular_events[0].event_id) == (3, theirs.id)
    assert {event.event_id for event in everything.capacity_utilization} == {mine.id, theirs.id}


def test_where_nothing_is_sold(app):
    overview = get_overview(by=make_organizer())
    assert (overview.total_bookings, overview.most_popular_events, overview.capacity_utilization) == (0, [], [])
    event = make_event()
    report = get_event_report(by=event.organizer, event_id=event.id)
    assert (report.event_id, report.total_bookings, report.cancellation_rate, report.daily_bookings) == (event.id, 0, 0.0, [])


def test_deleted_events_are_left_out(app):
    event = make_event()
    delete_event(by=event.organizer, event_id=event.id)
    assert get_overview(by=event.organizer).capacity_utilization == []


def test_how_many_were_cancelled_of_all_that_were_ever_confirmed(app):
    event = make_event(capacity=5)
    bookings = [make_booking(event=event) for _ in range(4)]
    cancel_booking(by=bookings[0].user, booking_id=bookings[0].id)
    # Neither of these was ever confirmed.
    waiting = make_booking(event=event, decided=False)
    cancel_booking(by=waiting.user, booking_id=waiting.id)
    late = [make_booking(event=event, tickets=2, decided=False) for _ in range(2)]
    make_booking(event=make_event())
    report = get_event_report(by=event.organizer, event_id=event.id)
    assert (report.total_bookings, report.cancellation_rate) == (3, 25.0)
    assert len(late) == 2
    cancel_event(by=event.organizer, event_id=event.id)
    report = get_event_report(by=event.organizer, event_id=event.id)
    assert (report.total_bookings, report.cancellation_rate, report.daily_bookings) == (0, 100.0, [])


def test_days_are_those_of_utc_and_add_up(app):
    event = make_event()
    moments = [
        dt.datetime(2026, 3, 1, 0, 0, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=dt.UTC),
        # Still the second of March in Hawaii.
        dt.datetime(2026, 3, 2, 20, 0, tzinfo=dt.timezone(dt.timedelta(hours=-10))),
    ]
    for moment in moments:
        made_at(make_booking(event=event), moment)
    given_back = make_booking(event=event)
    cancel_booking(by=given_back.user, booking_id=given_back.id)
    report = get_event_report(by=event.organizer, event_id=event.id)
    assert report.daily_bookings == [DailyBookings(dt.date(2026, 3, 1), 2), DailyBookings(dt.date(2026, 3, 3), 1)]
    assert sum(day.bookings for day in report.daily_bookings) == report.total_bookings


def test_who_may_ask(app):
    event = make_event()
    with pytest.raises(NotAllowed):
        get_overview(by=make_user())
    for by in (make_user(), make_organizer()):
        with pytest.raises(NotAllowed):
            get_event_report(by=by, event_id=event.id)


def test_a_session_in_another_zone_counts_the_same_days(app):
    event = make_event()
    booking = make_booking(event=event, decided=False)
    with transaction() as session:
        late = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
        session.execute(sa.update(Booking).where(Booking.id == booking.id).values(booking_date=late))
    with transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sa.text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        decide_queued(event.id)
    report = get_event_report(by=event.organizer, event_id=event.id)
    assert [day.date for day in report.daily_bookings] == [dt.date(2026, 3, 1)]
