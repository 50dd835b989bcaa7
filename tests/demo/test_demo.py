"""The demo data: believable, sound, made once, and only where it belongs."""

import datetime as dt
from collections import Counter

import pytest
import sqlalchemy as sa

from evently.accounts.models import User
from evently.accounts.services import authenticate
from evently.bookings.consistency import check
from evently.bookings.models import Booking
from evently.bookings.queries import TABS, count_tabs
from evently.database import utc_now
from evently.demo import seed_demo, seed_events
from evently.demo.catalogue import demo_events
from evently.errors import Invalid, NotAllowed, NotAuthenticated
from evently.events.descriptions import description_html
from evently.events.models import CATEGORIES, Event
from evently.events.sale_status import SaleStatus, sale_status
from evently.events.validation import validate
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import PASSWORD, make_organizer, make_user
from tests.harness.site import fresh


@pytest.fixture
def embedded(app, monkeypatch):
    monkeypatch.setitem(app.config, "EMBEDDED", True)
    return app


@pytest.fixture
def demo(embedded) -> list[Event]:
    assert seed_demo() is True
    fresh()
    return events()


def events() -> list[Event]:
    return list(db.session.scalars(sa.select(Event).order_by(Event.time)).unique())


def count(table: type) -> int:
    return db.session.query(table).count()


def test_the_books_of_the_demo_balance(demo):
    assert list(check()) == []


def test_what_the_catalogue_says_is_sold_is_sold(demo):
    sold = {event.source_id: event.reserved_tickets for event in demo if event.status != "cancelled"}
    assert sold == {f"demo:{entry.id}": entry.sold for entry in demo_events() if entry.status != "cancelled"}


def test_there_is_something_of_everything(demo):
    states = Counter(sale_status(event) for event in demo)
    assert set(states) == set(SaleStatus) - {SaleStatus.ENDED}
    assert len(demo) - states[SaleStatus.PAST] - states[SaleStatus.DRAFT] >= 36
    assert {event.category for event in demo} == set(CATEGORIES)
    assert len({event.currency for event in demo}) >= 8
    assert len({event.timezone for event in demo}) >= 15
    assert any(event.is_free for event in demo)
    assert any(event.ends_at - event.time > dt.timedelta(days=1) for event in demo)
    assert any(event.max_tickets_per_user for event in demo)
    assert any(event.venue == "Online" for event in demo)


def test_something_is_on_within_a_week_and_after_two_months(demo):
    ahead = [event.time - utc_now() for event in demo if not event.has_started]
    assert sum(distance < dt.timedelta(days=8) for distance in ahead) >= 3
    assert max(ahead) > dt.timedelta(days=60)


def test_descriptions_say_something(demo):
    for event in demo:
        assert event.summary
        assert len(event.description.split("\n\n")) >= 2, event.name
        assert "<p>" in description_html(event)
    assert sum("<li>" in description_html(event) for event in demo) >= 25


def test_bookings_came_in_the_order_of_their_numbers(demo):
    bookings = db.session.execute(sa.select(Booking.booking_date, Booking.decided_at).order_by(Booking.seq)).all()
    assert [row.booking_date for row in bookings] == sorted(row.booking_date for row in bookings)
    assert all(row.booking_date < row.decided_at < utc_now() for row in bookings)


def test_nobody_booked_before_the_sale_or_after_the_start(demo):
    query = sa.select(Booking.id).join(Event, Event.id == Booking.event_id)
    assert db.session.execute(query.where(Booking.booking_date > Event.time)).all() == []
    assert db.session.execute(query.where(Booking.booking_date < Event.created_at)).all() == []
    assert db.session.execute(query.where(Booking.booking_date < Event.sales_start)).all() == []


def test_the_three_accounts(demo):
    roles = {}
    for name in ("admin", "organizer", "attendee"):
        user = authenticate(login=name, password=PASSWORD)
        roles[name] = (user.is_superuser, user.is_organizer)
    assert roles == {"admin": (True, True), "organizer": (False, True), "attendee": (False, False)}
    assert {event.organizer.username for event in demo} == {"organizer"}


def test_nobody_else_can_log_in(demo):
    others = db.session.scalars(sa.select(User).where(User.username.not_in(["admin", "organizer", "attendee"]))).all()
    assert len(others) > 300
    assert not any(user.is_organizer or user.is_staff or user.is_superuser for user in others)
    with pytest.raises(NotAuthenticated):
        authenticate(login=others[0].username, password=PASSWORD)


def test_the_attendee_has_something_in_every_tab(demo):
    attendee = db.session.query(User).filter_by(username="attendee").one()
    counts = count_tabs(attendee)
    assert set(counts) == set(TABS)
    assert min(counts.values()) >= 2


def test_the_mailbox_holds_a_handful(demo):
    mails = db.session.scalars(sa.select(Mail)).unique().all()
    assert {mail.to_address for mail in mails} == {"attendee@evently.example"}
    assert Counter(mail.kind for mail in mails) == {"booking_confirmed": 3, "booking_failed": 1, "event_cancelled": 1}


def test_a_second_time_makes_nothing(demo):
    before = [count(table) for table in (User, Event, Booking, Mail)]
    assert seed_demo() is False
    assert [count(table) for table in (User, Event, Booking, Mail)] == before


def test_where_there_is_data_one_query_tells(demo):
    statements = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    seed_demo()
    sa.event.remove(db.engine, "before_cursor_execute", note)
    assert len(statements) == 1


def test_a_database_of_its_own_gets_no_accounts_that_everybody_knows(app, monkeypatch):
    monkeypatch.setitem(app.config, "EMBEDDED", False)
    assert seed_demo() is False
    assert count(User) == count(Event) == 0
    result = app.test_cli_runner().invoke(args=["seed-demo"])
    assert (result.exit_code, "give --organizer USERNAME" in result.stderr) == (2, True)


def test_a_name_somebody_has_stays_theirs(embedded):
    admin = make_user(username="admin", password_hash="!")
    assert seed_demo() is True
    fresh()
    assert (admin.is_superuser, admin.password_hash) == (False, "!")


def test_when_it_fails_nothing_is_left(embedded):
    # The last account cannot be made: somebody has its address.
    make_user(email="attendee@evently.example")
    with pytest.raises(Invalid):
        seed_demo()
    assert [count(table) for table in (User, Event, Booking)] == [1, 0, 0]


def test_events_alone_for_an_organizer(app):
    organizer = make_organizer()
    assert seed_events(organizer) == len(demo_events())
    assert seed_events(organizer) == 0
    assert (count(User), count(Booking), count(Mail)) == (1, 0, 0)
    assert seed_events(make_organizer()) == len(demo_events())
    with pytest.raises(NotAllowed):
        seed_events(make_user())
    assert list(check()) == []


def test_the_command_says_what_it_did(embedded):
    def run(*words: str) -> str:
        return embedded.test_cli_runner().invoke(args=["seed-demo", *words], catch_exceptions=False).output

    assert run() == "Demo data created.\n"
    assert run() == "The demo data is here already.\n"
    make_organizer(username="mira")
    assert run("--organizer", "mira") == f"{len(demo_events())} events created.\n"
    assert run("--organizer", "mira") == "The demo events are here already.\n"


@pytest.mark.parametrize("day", range(0, 370, 9))
def test_the_catalogue_is_sound_on_any_day(day):
    now = dt.datetime(2026, 12, 28, 23, 30, tzinfo=dt.UTC) + dt.timedelta(days=day)
    for entry in demo_events():
        fields = entry.fields(now)
        assert validate(fields, allow_past=True) == {}, entry.id
        assert (fields["time"] > now) == (entry.weeks >= 0), entry.id
        assert fields["time"] != now
        assert fields["sales_start"] is None or now < fields["sales_start"] < fields["time"]


def test_ids_of_the_catalogue_are_unique():
    ids = [entry.id for entry in demo_events()]
    assert len(ids) == len(set(ids))
