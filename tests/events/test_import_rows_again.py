"""Files that come again: which event a row means, and what has happened to it since."""

import datetime as dt
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from evently.accounts.queries import get_user
from evently.bookings.consistency import check
from evently.database import transaction, utc_now
from evently.events import import_rows
from evently.events.import_rows import RowResult, import_events
from evently.events.imports.rows import Row
from evently.events.queries import get_event
from evently.events.services import cancel_event, discard_draft, update_event
from evently.extensions import db
from tests.events.importing import BERLIN, bring_in, bring_in_file, concert, events, make_concert, outcomes
from tests.factories import make_booking, make_event, make_organizer, reload
from tests.harness.concurrency import at_once

DATA = Path(__file__).parent / "data"


@pytest.fixture
def organizer(app):
    return make_organizer()


@pytest.mark.parametrize("name", ["conferences.json", "programme.csv", "calendar.ics"])
def test_a_second_time_changes_nothing(organizer, name):
    first = bring_in_file(organizer, DATA / name)
    before = [(event.id, event.updated_at) for event in events()]
    second = bring_in_file(organizer, DATA / name)
    assert outcomes(second) == [outcome.replace("created", "unchanged") for outcome in outcomes(first)]
    assert [result.event_id for result in second] == [result.event_id for result in first]
    assert [(event.id, event.updated_at) for event in events()] == before


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
    assert results[1].problems == {"row": [import_rows.CONFLICT_MESSAGE]}
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
