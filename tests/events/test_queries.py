"""Lists of events: each filter, each order, and who sees what."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from evently.database import transaction, utc_now
from evently.errors import NotAllowed, NotFound
from evently.events import queries
from evently.events.filters import EventFilters
from evently.events.queries import list_managed_events, list_public_events
from tests.factories import in_days, make_booking, make_event, make_organizer, make_staff, make_superuser, make_user


def shown(**filters) -> list[str]:
    """The names on the public list."""
    return [event.name for event in list_public_events(EventFilters(**filters), size=100).items]


@pytest.fixture
def programme(app):
    """Five events that differ in everything a filter looks at."""
    organizer = make_organizer()
    for fields in (
        {"name": "Soup", "venue": "Markthalle, Bremen", "category": "food", "price_per_ticket": Decimal(0), "time": in_days(1)},
        {"name": "Quartet", "venue": "Kapelle, Weimar", "category": "music", "price_per_ticket": Decimal(32), "time": in_days(2)},
        {"name": "Run", "venue": "Strandbad, Konstanz", "category": "sport", "price_per_ticket": Decimal(15), "time": in_days(3)},
        {"name": "Apples", "venue": "Gutshof, Bremen", "category": "food", "price_per_ticket": Decimal(5), "time": in_days(-3)},
        {"name": "Brunch", "venue": "Anleger, Passau", "category": "food", "price_per_ticket": Decimal(62), "status": "cancelled"},
    ):
        make_event(by=organizer, **fields)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["Apples", "Soup", "Quartet", "Run", "Brunch"]),
        ({"search": "soup"}, ["Soup"]),
        ({"search": "bremen"}, ["Apples", "Soup"]),
        ({"search": "bremen soup"}, ["Soup"]),
        ({"search": "soup quartet"}, []),
        ({"venue": "kapelle"}, ["Quartet"]),
        ({"venue": "Soup"}, []),
        ({"category": "food"}, ["Apples", "Soup", "Brunch"]),
        ({"category": "talk"}, []),
        ({"date_from": in_days(1.5)}, ["Quartet", "Run", "Brunch"]),
        ({"date_to": in_days(1.5)}, ["Apples", "Soup"]),
        ({"date_from": in_days(1.5), "date_to": in_days(2.5)}, ["Quartet"]),
        ({"min_price": Decimal(15)}, ["Quartet", "Run", "Brunch"]),
        ({"max_price": Decimal(0)}, ["Soup"]),
        ({"min_price": Decimal(5), "max_price": Decimal(15)}, ["Apples", "Run"]),
        ({"is_active": True}, ["Apples", "Soup", "Quartet", "Run"]),
        ({"is_active": False}, ["Brunch"]),
        ({"is_upcoming": True}, ["Soup", "Quartet", "Run", "Brunch"]),
        ({"is_upcoming": False}, ["Apples"]),
        ({"status": "cancelled"}, ["Brunch"]),
        ({"category": "food", "is_upcoming": True, "is_active": True, "max_price": Decimal(10)}, ["Soup"]),
        ({"ordering": "-time"}, ["Brunch", "Run", "Quartet", "Soup", "Apples"]),
        ({"ordering": "price_per_ticket"}, ["Soup", "Apples", "Run", "Quartet", "Brunch"]),
        ({"ordering": "-price_per_ticket"}, ["Brunch", "Quartet", "Run", "Apples", "Soup"]),
        ({"ordering": "created_at"}, ["Soup", "Quartet", "Run", "Apples", "Brunch"]),
    ],
)
def test_each_filter(programme, filters, names):
    assert shown(**filters) == names


@pytest.mark.parametrize("search", ["%", "_", "\\", "%_%", "' OR 1=1 --"])
def test_signs_of_the_database_are_letters_like_others(programme, search):
    assert shown(search=search) == []
    assert shown(venue=search) == []


def test_a_percent_sign_is_found_where_there_is_one(app):
    make_event(name="100% Wolle")
    assert shown(search="100%") == ["100% Wolle"]


def test_descriptions_are_searched_unless_told_otherwise(app):
    make_event(name="Evening", description="with a hurdy-gurdy")
    assert shown(search="hurdy") == ["Evening"]
    assert shown(search="hurdy", searches_descriptions=False) == []


def test_the_end_of_a_range_is_not_in_it(app):
    event = make_event(name="Sharp")
    assert shown(date_from=event.time) == ["Sharp"]
    assert shown(date_to=event.time) == []


def test_only_events_with_seats(app):
    full, open_, _ = make_event(name="Full", capacity=2), make_event(name="Open", capacity=2), make_event(name="Empty", capacity=2)
    make_booking(event=full, tickets=2)
    make_booking(event=open_, tickets=1)
    assert sorted(shown(has_seats=True)) == ["Empty", "Open"]


def test_events_of_one_moment_keep_one_order(app):
    moment = in_days(5)
    for number in range(6):
        make_event(name=str(number), time=moment)
    pages = [list_public_events(EventFilters(), page=page, size=2).items for page in (1, 2, 3)]
    assert sorted(event.name for page in pages for event in page) == list("012345")
    assert shown(ordering="-time") == list(reversed(shown()))


def test_pages_tell_where_they_are(app):
    for _ in range(5):
        make_event()
    first, last, beyond = (list_public_events(EventFilters(), page=number, size=2) for number in (1, 3, 4))
    assert (first.total, first.pages, first.first, first.last, first.has_next, first.has_previous) == (5, 3, 1, 2, True, False)
    assert (last.first, last.last, last.has_next, last.has_previous) == (5, 5, False, True)
    assert (list(beyond.items), beyond.total, beyond.first) == ([], 5, 0)


def test_the_public_sees_no_drafts_and_nothing_discarded(app):
    draft, gone = make_event(status="draft"), make_event()
    with transaction():
        gone.archived_at = utc_now()
    assert shown() == []
    for event in (draft, gone):
        with pytest.raises(NotFound):
            queries.get_public_event(event.id)
    assert queries.get_event(draft.id) is draft


def test_a_cancelled_event_can_be_looked_at_but_not_booked(app):
    event = make_event(status="cancelled")
    assert queries.get_public_event(event.id) is event
    for get in (queries.get_published_event, queries.count_available_tickets):
        with pytest.raises(NotFound):
            get(event.id)


def test_nothing_is_found_under_an_id_nobody_has(app):
    for get in (queries.get_event, queries.get_public_event, queries.get_published_event, queries.count_available_tickets):
        with pytest.raises(NotFound):
            get(uuid.uuid4())


def test_seats_are_counted_now(app):
    event = make_event(capacity=5)
    make_booking(event=event, tickets=2)
    assert queries.count_available_tickets(event.id) == 3


def test_organizers_manage_their_own_events_and_staff_all(app):
    one, other = make_organizer(), make_organizer()
    make_event(by=one, name="One", status="draft")
    make_event(by=other, name="Other")

    def managed(by) -> list[str]:
        return sorted(event.name for event in list_managed_events(by=by, filters=EventFilters()).items)

    assert [managed(by) for by in (one, other, make_staff(), make_superuser())] == [["One"], ["Other"], ["One", "Other"], ["One", "Other"]]
    with pytest.raises(NotAllowed):
        managed(make_user())


def test_the_managers_list_can_be_narrowed_to_drafts(app):
    organizer = make_organizer()
    make_event(by=organizer, status="draft", name="Draft"), make_event(by=organizer)
    filters = EventFilters(status="draft")
    assert [event.name for event in list_managed_events(by=organizer, filters=filters).items] == ["Draft"]


def test_what_needs_attention(app):
    organizer, later = make_organizer(), in_days(90)
    make_event(by=organizer, name="Draft", status="draft", time=in_days(20))
    make_event(by=organizer, name="Draft of a day far away", status="draft", time=later)
    make_event(by=organizer, name="Not on sale yet", sales_start=in_days(2), time=later)
    make_event(by=organizer, name="Unsold and soon", time=in_days(5))
    make_event(by=organizer, name="Far away", time=later)
    make_event(by=organizer, name="Over", time=in_days(-1), status="draft")
    full = make_event(by=organizer, name="Nearly full", capacity=10, time=later)
    make_booking(event=full, tickets=9)
    found = list_managed_events(by=organizer, filters=EventFilters(needs_attention=True)).items
    assert sorted(event.name for event in found) == ["Draft", "Nearly full", "Not on sale yet", "Unsold and soon"]


def test_managed_events_are_counted(app):
    organizer = make_organizer()
    make_event(by=organizer, status="draft")
    make_event(by=organizer, time=in_days(-1))
    make_booking(event=make_event(by=organizer, capacity=10), tickets=4)
    make_event()
    counts = queries.count_managed_events(organizer)
    assert (counts.total, counts.upcoming, counts.drafts, counts.on, counts.available) == (3, 2, 1, 1, 6)


def test_houses_and_numbers_are_of_what_is_ahead(app):
    make_event(venue="B"), make_event(venue="A"), make_event(venue="A")
    make_event(venue="C", time=in_days(-1)), make_event(venue="D", status="draft")
    assert list(queries.list_venues()) == ["A", "B"]
    assert queries.count_upcoming() == (3, 2)


def test_dates_may_be_given_in_any_zone(app):
    event = make_event(name="Late", time=dt.datetime(2027, 5, 1, 22, 30, tzinfo=dt.UTC))
    tokyo = event.time.astimezone(dt.timezone(dt.timedelta(hours=9)))
    assert shown(date_from=tokyo, date_to=tokyo + dt.timedelta(seconds=1)) == ["Late"]
