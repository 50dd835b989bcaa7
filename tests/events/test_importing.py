"""Files that become events, again and again."""

import datetime as dt
import os
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from evently.accounts.queries import get_user
from evently.bookings.ledger import check
from evently.database import transaction, utc_now
from evently.errors import NotAllowed
from evently.events import importing
from evently.events.importing import Fills, RowResult, import_events
from evently.events.imports.files import read_rows
from evently.events.imports.rows import Row
from evently.events.models import Event
from evently.events.queries import get_event
from evently.events.services import cancel_event, discard_draft, update_event
from evently.extensions import db
from tests.factories import in_days, make_booking, make_event, make_organizer, make_staff, make_user, reload
from tests.harness.concurrency import at_once
from tests.harness.site import fresh

DATA = Path(__file__).parent / "data"
SHARED = Path(os.environ.get("EVENTLY_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
BERLIN = Fills(capacity=100, timezone="Europe/Berlin")


@pytest.fixture
def organizer(app):
    return make_organizer()


def bring_in(by, *rows: dict, fills: Fills = BERLIN) -> list[RowResult]:
    return list(import_events(by=by, rows=[Row(number, row) for number, row in enumerate(rows, start=1)], fills=fills))


def bring_in_file(by, path: Path, fills: Fills = BERLIN) -> list[RowResult]:
    results = list(import_events(by=by, rows=read_rows(filename=path.name, content=path.read_bytes()), fills=fills))
    fresh()
    return results


def outcomes(results: list[RowResult]) -> list[str]:
    return [result.outcome.value for result in results]


def events() -> list[Event]:
    fresh()
    return list(db.session.scalars(sa.select(Event).order_by(Event.time, Event.name)).unique())


def concert(**cells) -> dict:
    return {"id": "c1", "name": "Concert", "venue": "Hall", "time": "2031-05-01T20:00"} | cells


def make_concert(organizer) -> Event:
    """What `concert()` makes, by hand."""
    start = dt.datetime(2031, 5, 1, 18, tzinfo=dt.UTC)
    return make_event(by=organizer, name="Concert", venue="Hall", time=start, timezone="Europe/Berlin")


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
    results = bring_in_file(organizer, DATA / "programme.csv", Fills(timezone="Europe/Berlin"))
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


@pytest.mark.parametrize("name", ["conferences.json", "programme.csv", "calendar.ics"])
def test_a_second_time_changes_nothing(organizer, name):
    first = bring_in_file(organizer, DATA / name)
    before = [(event.id, event.updated_at) for event in events()]
    second = bring_in_file(organizer, DATA / name)
    assert outcomes(second) == [outcome.replace("created", "unchanged") for outcome in outcomes(first)]
    assert [result.event_id for result in second] == [result.event_id for result in first]
    assert [(event.id, event.updated_at) for event in events()] == before


def test_what_a_file_lacks_is_filled_in_for_new_events_only(organizer):
    row = concert(id="")
    assert outcomes(bring_in(organizer, row, fills=Fills(capacity=50, price=Decimal(9), timezone="Asia/Tokyo"))) == ["created"]
    (event,) = events()
    assert (event.capacity, event.price_per_ticket, event.timezone) == (50, Decimal(9), "Asia/Tokyo")
    assert event.time == dt.datetime(2031, 5, 1, 11, tzinfo=dt.UTC)
    for fills in (Fills(capacity=70, price=Decimal(1), timezone="Europe/Berlin"), Fills()):
        assert outcomes(bring_in(organizer, row, fills=fills)) == ["unchanged"]


def test_what_a_file_says_goes_before_what_fills_it(organizer):
    bring_in(organizer, concert(capacity=5, price="1.50", timezone="Europe/London"), fills=Fills(capacity=50, price=Decimal(9)))
    (event,) = events()
    assert (event.capacity, event.price_per_ticket, event.timezone) == (5, Decimal("1.50"), "Europe/London")


def test_a_known_source_id_updates_what_changed(organizer):
    bring_in(organizer, concert(), concert(id="c2", name="Other"))
    results = bring_in(organizer, concert(name="Grand Concert", time="2031-05-02T20:00", price=12), concert(id="c2", name="Other"))
    assert outcomes(results) == ["updated", "unchanged"]
    other, grand = events()
    assert (grand.name, grand.price_per_ticket, grand.ticket_types[0].price) == ("Grand Concert", Decimal(12), Decimal(12))
    assert (grand.local_time.isoformat(), other.name) == ("2031-05-02T20:00:00+02:00", "Other")


def test_without_an_id_name_start_and_venue_are_one_event(organizer):
    row = concert(id=None)
    assert outcomes(bring_in(organizer, row)) == ["created"]
    assert outcomes(bring_in(organizer, row | {"summary": "New words"})) == ["updated"]
    assert outcomes(bring_in(organizer, row | {"venue": "Garden"}, row | {"time": "2031-05-02"}, row | {"name": "Play"})) == ["created"] * 3
    assert len(events()) == 4


def test_an_event_made_by_hand_is_known_by_its_content(organizer):
    event = make_event(
        by=organizer, name="Concert", venue="Hall", time=dt.datetime(2031, 5, 1, 18, tzinfo=dt.UTC), timezone="Europe/Berlin"
    )
    assert [result.event_id for result in bring_in(organizer, concert(id=None))] == [event.id]


def test_the_same_id_of_another_organizer_is_another_event(organizer):
    other = make_organizer()
    assert outcomes(bring_in(organizer, concert()) + bring_in(other, concert())) == ["created", "created"]
    assert {event.organizer_id for event in events()} == {organizer.id, other.id}


def test_rows_that_are_one_event_count_once(organizer):
    results = bring_in(organizer, concert(), concert(name="Later words"), concert(id=None), concert(id=None), concert(id="c1"))
    assert outcomes(results) == ["created", "duplicate", "created", "duplicate", "duplicate"]
    assert results[3].problems == {"row": ["The same event as in row 3."]}


def test_a_refused_row_leaves_its_id_to_the_next(organizer):
    assert outcomes(bring_in(organizer, concert(capacity=0), concert(), concert())) == ["refused", "created", "duplicate"]


def test_one_bad_row_costs_no_other(organizer, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 4)
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


# SQLite lets one writer in at a time, so nobody comes between there.
@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_what_another_writer_took_is_refused_and_the_rest_comes_in(app, organizer):
    organizer_id, others = organizer.id, []

    def write() -> None:
        with app.app_context():
            make_event(by=get_user(organizer_id), source_id="c2")

    def come_between(*arguments: object) -> None:
        if str(arguments[2]).startswith("INSERT INTO events") and not others:
            others.append(threading.Thread(target=write))
            others[0].start()
            others[0].join(timeout=30)

    sa.event.listen(db.engine, "before_cursor_execute", come_between)
    results = bring_in(organizer, *(concert(id=f"c{number}") for number in range(1, 6)))
    sa.event.remove(db.engine, "before_cursor_execute", come_between)
    assert outcomes(results) == ["created", "refused", "created", "created", "created"]
    assert results[1].problems == {"row": [importing.CLASH]}
    assert results[1].event_id is None
    assert len(events()) == 5
    assert list(check()) == []


def test_two_imports_of_one_file_at_once_make_each_event_once(app, organizer):
    organizer_id, rows = organizer.id, [Row(number, concert(id=None, name=str(number))) for number in range(150)]

    def run() -> list[RowResult]:
        return list(import_events(by=get_user(organizer_id), rows=rows, fills=BERLIN))

    one, other = at_once(app, [run, run])
    assert Counter(outcomes(one) + outcomes(other)) == {"created": 150, "unchanged": 150}
    assert len(events()) == 150


def test_what_the_feed_calls_off_is_called_off_here(organizer):
    (result,) = bring_in(organizer, concert())
    booking = make_booking(event=get_event(result.event_id), tickets=2)
    off = concert(status="cancelled")
    assert outcomes(bring_in(organizer, off)) == ["cancelled"]
    assert (events()[0].status, reload(booking).status) == ("cancelled", "cancelled")
    assert outcomes(bring_in(organizer, off)) == ["unchanged"]
    assert list(check()) == []


def test_what_was_called_off_here_is_not_brought_back(organizer):
    (result,) = bring_in(organizer, concert())
    cancel_event(by=organizer, event_id=result.event_id)
    assert outcomes(bring_in(organizer, concert())) == ["unchanged"]
    (again,) = bring_in(organizer, concert(name="Changed"))
    assert again.problems == {"row": ["This event is cancelled."]}


def test_what_was_discarded_here_is_not_brought_back(organizer):
    (result,) = bring_in(organizer, concert(status="draft"))
    discard_draft(by=organizer, event_id=result.event_id)
    (again,) = bring_in(organizer, concert(status="draft"))
    assert again.problems == {"row": ["It was deleted here, so it is not brought in again."]}


def test_a_live_event_goes_before_a_deleted_one_of_the_same_content(organizer):
    bring_in(organizer, concert(id=None))
    with transaction():
        events()[0].archived_at = utc_now()
    live = make_concert(organizer)
    assert bring_in(organizer, concert(id=None))[0].event_id == live.id


def test_a_draft_of_the_file_may_have_been_published_here(organizer):
    (result,) = bring_in(organizer, concert(status="draft"))
    update_event(by=organizer, event_id=result.event_id, fields={"status": "published"})
    assert outcomes(bring_in(organizer, concert(status="draft"))) == ["unchanged"]
    assert events()[0].status == "published"


def test_the_file_may_publish_its_draft(organizer):
    bring_in(organizer, concert(status="draft"))
    assert outcomes(bring_in(organizer, concert(status="published"))) == ["updated"]


def test_past_events_are_corrected_too(organizer):
    bring_in(organizer, concert(time="2019-05-01"))
    assert outcomes(bring_in(organizer, concert(time="2019-05-02"))) == ["updated"]


def test_attendees_bring_nothing_in(app):
    with pytest.raises(NotAllowed):
        import_events(by=make_user(), rows=[], fills=Fills())
    assert outcomes(bring_in(make_staff(), concert())) == ["created"]


def test_results_are_told_batch_by_batch_once_they_are_committed(organizer, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 2)
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
    assert outcomes(bring_in_file(organizer, path, Fills())) == ["unchanged"] * 378
    brought = events()
    assert len(brought) == 378
    # One conference is listed in two cities with one address; one row for each is what the key of an event makes.
    assert len({(event.name, event.time) for event in brought}) == 377
    assert sum(event.venue == "Online" for event in brought) == 55
    assert any("—" in event.name for event in brought)
    assert list(check()) == []
