"""Files that become events."""

import datetime as dt
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from evently.bookings.consistency import check
from evently.errors import NotAllowed
from evently.events import import_rows
from evently.events.import_rows import ImportDefaults, import_events
from evently.events.imports.rows import Row
from evently.events.queries import get_event
from tests.events.importing import BERLIN, bring_in, bring_in_file, concert, events, outcomes
from tests.factories import in_days, make_booking, make_organizer, make_staff, make_user
from tests.harness.site import fresh

DATA = Path(__file__).parent / "data"
SHARED = Path(os.environ.get("EVENTLY_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared/data")


@pytest.fixture
def organizer(app):
    return make_organizer()


def test_a_file_of_conferences(organizer):
    results = bring_in_file(organizer, DATA / "conferences.json")
    assert outcomes(results) == ["created"] * 5
    retro, camp, days, munich, vienna = events()
    assert (retro.name, retro.has_started, retro.status) == ("Retrospect", True, "published")
    assert (camp.venue, camp.category, camp.summary) == ("Brno, Czech Republic", "conference", "Topics: rust, cpp")
    assert (camp.local_time.isoformat(), camp.ends_at.isoformat()) == ("2031-03-10T09:00:00+01:00", "2031-03-12T17:00:00+00:00")
    assert (days.name, days.venue) == ("Tage der Übersetzung | März", "Online")
    assert {munich.venue, vienna.venue} == {"München, Germany", "Wien, Austria"}
    assert munich.name == vienna.name == "Agents — LIVE"
    assert munich.website == vienna.website
    assert {(event.capacity, event.price_per_ticket, event.source_id) for event in events()} == {(100, Decimal(0), None)}
    assert [result.event_id for result in results[:1]] == [camp.id]
    assert list(check()) == []


def test_a_spreadsheet_says_what_is_wrong_in_which_row(organizer):
    results = bring_in_file(organizer, DATA / "programme.csv", ImportDefaults(timezone="Europe/Berlin"))
    assert [(result.number, result.outcome.value, list(result.problems)) for result in results] == [
        (2, "created", []),
        (3, "created", []),
        (4, "refused", ["name"]),
        (5, "refused", ["price_per_ticket"]),
        (6, "refused", ["name"]),
        (8, "refused", ["category", "capacity"]),
        (9, "refused", ["capacity"]),
    ]
    assert results[-1].problems == {"capacity": ["This is needed."]}
    night, kitchen = events()
    assert (night.name, night.venue, night.price_per_ticket) == ("Nachtkonzert im Gasometer", "Gaswerk Nord, Halle 2, Leipzig", Decimal(24))
    assert (night.summary, night.category, night.capacity) == ("Vier Bläser; elf Sekunden Nachhall", "music", 400)
    assert (kitchen.is_free, kitchen.local_time.hour, kitchen.ends_at) == (True, 12, None)


def test_a_calendar(organizer):
    results = bring_in_file(organizer, DATA / "calendar.ics")
    assert Counter(outcomes(results)) == {"created": 4, "refused": 5}
    reasons = {result.name: result.problems for result in results if result.problems}
    assert reasons["Called off"] == {"row": ["It is cancelled, so it is not brought in."]}
    assert reasons["Every week"] == {"row": ["This event repeats; export each date as an event of its own."]}
    assert reasons["Without a start"] == {"time": ["This is needed."]}
    assert [event.source_id.partition("@")[0] for event in events()] == ["concert", "fair", "talk", "moved"]
    assert [event.status for event in events()] == ["published", "published", "draft", "published"]


def test_what_a_file_lacks_is_filled_in_for_new_events_only(organizer):
    row = concert(id="")
    assert outcomes(bring_in(organizer, row, fills=ImportDefaults(capacity=50, price=Decimal(9), timezone="Asia/Tokyo"))) == ["created"]
    (event,) = events()
    assert (event.capacity, event.price_per_ticket, event.timezone) == (50, Decimal(9), "Asia/Tokyo")
    assert event.time == dt.datetime(2031, 5, 1, 11, tzinfo=dt.UTC)
    for fills in (ImportDefaults(capacity=70, price=Decimal(1), timezone="Europe/Berlin"), ImportDefaults()):
        assert outcomes(bring_in(organizer, row, fills=fills)) == ["unchanged"]


def test_what_a_file_says_goes_before_what_fills_it(organizer):
    bring_in(organizer, concert(capacity=5, price="1.50", timezone="Europe/London"), fills=ImportDefaults(capacity=50, price=Decimal(9)))
    (event,) = events()
    assert (event.capacity, event.price_per_ticket, event.timezone) == (5, Decimal("1.50"), "Europe/London")


def test_a_refused_row_leaves_its_id_to_the_next(organizer):
    assert outcomes(bring_in(organizer, concert(capacity=0), concert(), concert())) == ["refused", "created", "duplicate"]


def test_one_bad_row_costs_no_other(organizer, monkeypatch):
    monkeypatch.setattr(import_rows, "BATCH", 4)
    rows = [concert(id=str(number), capacity=number % 3) for number in range(10)]
    assert outcomes(bring_in(organizer, *rows)) == ["refused" if number % 3 == 0 else "created" for number in range(10)]
    assert len(events()) == 6
    assert list(check()) == []


def test_a_change_that_is_refused_half_way_changes_nothing(organizer):
    (result,) = bring_in(organizer, concert(capacity=10))
    make_booking(event=get_event(result.event_id), tickets=4)
    results = bring_in(organizer, concert(capacity=3, name="Smaller"), concert(id="c2"))
    assert outcomes(results) == ["refused", "created"]
    assert results[0].problems == {"capacity": ["4 tickets are already sold; capacity cannot go below that."]}
    assert {(event.name, event.capacity) for event in events()} == {("Concert", 10), ("Concert", 100)}
    assert list(check()) == []


def test_attendees_bring_nothing_in(app):
    with pytest.raises(NotAllowed):
        import_events(by=make_user(), rows=[], fills=ImportDefaults())
    assert outcomes(bring_in(make_staff(), concert())) == ["created"]


def test_results_are_told_batch_by_batch_once_they_are_committed(organizer, monkeypatch):
    monkeypatch.setattr(import_rows, "BATCH", 2)
    rows = [Row(number, concert(id=str(number))) for number in range(4)]
    results = import_events(by=organizer, rows=rows, fills=BERLIN)
    next(results)
    fresh()
    assert len(events()) == 2
    results.close()
    assert len(events()) == 2


def test_the_seats_of_an_import_can_be_booked(organizer):
    (result,) = bring_in(organizer, concert(time=in_days(5).isoformat(), price=10))
    booking = make_booking(event=get_event(result.event_id), tickets=2)
    assert (booking.status, booking.total_amount) == ("confirmed", Decimal(20))


@pytest.mark.parametrize("path", [SHARED / "conferences-2026.json"], ids=lambda path: path.name)
def test_378_real_conferences(organizer, path):
    if not path.exists():
        pytest.skip(f"{path} is not on this machine; tests/events/data/conferences.json stands in for it")
    assert outcomes(bring_in_file(organizer, path)) == ["created"] * 378
    assert outcomes(bring_in_file(organizer, path, ImportDefaults())) == ["unchanged"] * 378
    brought = events()
    assert len(brought) == 378
    # One conference is listed in two cities with one address; one row for each is what the key of an event makes.
    assert len({(event.name, event.time) for event in brought}) == 377
    assert sum(event.venue == "Online" for event in brought) == 55
    assert any("—" in event.name for event in brought)
    assert list(check()) == []
