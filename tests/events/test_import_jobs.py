"""Files on their way in: tried, looked over, written, by workers that may die."""

import datetime as dt
import functools
import json
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from evently.accounts.models import User
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid, NotAllowed, NotFound
from evently.events import import_worker
from evently.events.import_jobs import confirm_import, count_outcomes, discard_import, get_import_job, list_rows, start_import
from evently.events.import_rows import BATCH, ImportDefaults, RowStatus
from evently.events.imports.files import MAX_FILE_SIZE, UnreadableFile
from evently.events.models import Event, ImportJob
from evently.events.tasks import purge_import_jobs, resume_import_jobs, run_import_job
from evently.extensions import db
from tests.factories import make_booking, make_event, make_organizer, make_user
from tests.harness.site import apart, fresh

FILLS = ImportDefaults(capacity=50, price=Decimal(5), timezone="Europe/Berlin")


def entries(count: int) -> list[dict[str, object]]:
    return [{"id": f"e{number}", "name": f"Event {number}", "venue": "Hall", "start": "2034-05-01T20:00"} for number in range(count)]


def upload(by: User, rows: list[dict[str, object]], name: str = "events.json") -> ImportJob:
    return start_import(by=by, filename=name, content=json.dumps(rows).encode(), fills=FILLS)


def work(upload: ImportJob, **options: float) -> bool:
    """A worker's turn; the upload shows how far it came."""
    more = apart(functools.partial(import_worker.run, upload.id, **options))
    fresh()
    db.session.refresh(upload)
    return more


def count_events() -> int:
    fresh()
    return db.session.scalar(select(func.count()).select_from(Event)) or 0


def test_a_file_is_tried_then_written_and_nothing_twice(mira):
    known = make_event(by=mira, source_id="e1", name="Old name", capacity=50)
    file = upload(mira, [*entries(3), {"id": "e9", "name": "No start", "venue": "Hall"}, *entries(1)])
    assert (file.state, file.total) == ("reading", 0)
    assert work(file) is False
    expected = {RowStatus.CREATED: 2, RowStatus.UPDATED: 1, RowStatus.DUPLICATE: 1, RowStatus.REFUSED: 1}
    assert (file.state, file.done, count_outcomes(file)) == ("checked", 5, expected)
    assert (count_events(), known.name) == (1, "Old name")
    refused = list_rows(file, outcome="refused").items[0]
    assert (refused.number, refused.name, refused.problems) == (4, "No start", {"time": ["This is needed."]})
    assert all(row.event_id is None for row in list_rows(file).items)

    confirm_import(by=mira, upload_id=file.id)
    confirm_import(by=mira, upload_id=file.id)
    assert work(file) is False
    assert (file.state, file.content, count_outcomes(file), count_events()) == ("done", b"", expected, 3)
    assert known.name == "Event 1"
    assert list_rows(file, outcome="updated").items[0].event_id == known.id
    again = upload(mira, entries(3))
    work(again)
    assert count_outcomes(again) == {RowStatus.UNCHANGED: 3}


def test_a_rehearsal_cancels_nothing_and_tells_nobody(mira):
    event = make_event(by=mira, source_id="e0")
    booking = make_booking(event=event)
    file = upload(mira, [entries(1)[0] | {"status": "cancelled"}])
    work(file)
    assert count_outcomes(file) == {RowStatus.CANCELLED: 1}
    fresh()
    assert (event.status, booking.status) == ("published", "confirmed")


def test_it_goes_on_where_a_worker_ended(mira):
    file = upload(mira, [*entries(BATCH + 20), *entries(1)])
    assert work(file, turn=0.0) is True
    assert (file.state, file.done, file.total, file.lease_until) == ("checking", BATCH, BATCH + 21, None)
    assert work(file) is False
    # The event in the last row was in the first, in another worker's turn.
    assert count_outcomes(file) == {RowStatus.CREATED: BATCH + 20, RowStatus.DUPLICATE: 1}
    confirm_import(by=mira, upload_id=file.id)
    assert work(file, turn=0.0) is True
    assert count_events() == BATCH
    with transaction():
        file.lease_until = utc_now() + dt.timedelta(minutes=1)
    assert (work(file), apart(resume_import_jobs)) == (False, 0)
    with transaction():
        file.lease_until = utc_now() - dt.timedelta(seconds=1)
    assert apart(resume_import_jobs) == 1
    db.session.refresh(file)
    assert (file.state, count_events()) == ("done", BATCH + 20)


def test_a_file_that_kills_its_workers_is_given_up(mira):
    file = upload(mira, entries(1))
    die_at(file)
    assert work(file) is False
    assert (file.state, "too much time or memory" in file.reason, apart(resume_import_jobs)) == ("failed", True, 0)
    file = upload(mira, entries(1))
    work(file)
    confirm_import(by=mira, upload_id=file.id)
    die_at(file)
    assert work(file) is False
    assert (file.state, "after row 0" in file.reason, file.content, file.rows) == ("failed", True, b"", None)


def die_at(file: ImportJob) -> None:
    """As workers that die leave it: taken, and nothing done."""
    for _ in range(import_worker.MAX_ATTEMPTS):
        assert apart(import_worker._acquire_lease, import_worker._Lease(file.id, utc_now() - dt.timedelta(seconds=1)))


def test_a_file_is_read_once_for_many_turns(mira):
    file = upload(mira, entries(2 * BATCH + 1))
    assert (work(file, turn=0.0), file.attempts) == (True, 0)
    with transaction():
        file.content = file.rows = b"nothing that could be read once more"
    assert (work(file), file.state, file.done) == (False, "checked", 2 * BATCH + 1)


def test_who_organizes_no_more_imports_no_more(mira):
    file = upload(mira, entries(2))
    work(file)
    confirm_import(by=mira, upload_id=file.id)
    with transaction():
        mira.is_organizer = False
    work(file)
    assert (file.state, file.reason, count_events()) == ("failed", "Only organizers can do this.", 0)
    with pytest.raises(NotAllowed):
        start_import(by=make_user(), filename="a.json", content=b"[]", fills=FILLS)


def test_what_another_worker_read_is_not_read_again(mira):
    file = upload(mira, entries(BATCH + 1))
    assert work(file, turn=0.0) is True
    import_worker._latest.clear()
    with transaction():
        file.content = b"nothing that could be read once more"
    assert (work(file), file.state, file.done) == (False, "checked", BATCH + 1)


def test_a_file_that_the_release_before_took_in_is_read_where_it_is(mira):
    file = upload(mira, entries(2))
    with transaction():
        file.state, file.total = "checking", 2
    assert (work(file), file.state, count_outcomes(file)) == (False, "checked", {RowStatus.CREATED: 2})
    with transaction():
        file.rows = None
    confirm_import(by=mira, upload_id=file.id)
    import_worker._latest.clear()
    assert (work(file), file.state, count_events()) == (False, "done", 2)


@pytest.mark.parametrize(("name", "content"), [("a.json", b"nonsense"), ("a.json", b"[]"), ("a.csv", b"\xff\xfe\xff")])
def test_what_cannot_be_read_fails_with_the_reason(mira, name, content):
    file = start_import(by=mira, filename=name, content=content, fills=FILLS)
    assert work(file) is False
    assert (file.state, file.content, file.reason != "") == ("failed", b"", True)
    with pytest.raises(Conflict):
        confirm_import(by=mira, upload_id=file.id)


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b"[]"), ("a.json", b""), ("a.json", b" \n"), ("a.csv", b"x" * (MAX_FILE_SIZE + 1))]
)
def test_what_is_plain_to_see_is_refused_at_once(mira, name, content):
    with pytest.raises(UnreadableFile):
        start_import(by=mira, filename=name, content=content, fills=FILLS)
    with pytest.raises(Invalid) as refusal:
        start_import(by=mira, filename="a.json", content=b"[{}]", fills=ImportDefaults(capacity=0, timezone="Mars"))
    assert set(refusal.value.fields) == {"capacity", "timezone"}


def test_a_file_is_its_owners_and_what_was_not_wanted_goes(mira):
    gone = upload(mira, entries(1)).id
    second = upload(mira, entries(1), name="../../\x1b[2J" + "x" * 300 + ".json")
    assert second.filename.endswith("x.json")
    assert len(second.filename) == 200
    for verb in (get_import_job, confirm_import, discard_import):
        with pytest.raises(NotFound):
            verb(by=make_organizer(), upload_id=second.id)
        with pytest.raises(NotFound):
            verb(by=mira, upload_id=gone)
    with pytest.raises(Conflict):
        confirm_import(by=mira, upload_id=second.id)
    gone = second.id
    discard_import(by=mira, upload_id=gone)
    assert apart(import_worker.run, gone) is False


def test_old_files_are_forgotten(mira):
    file = upload(mira, entries(1))
    gone = file.id
    apart(run_import_job, str(gone))
    with transaction():
        file.created_at = utc_now() - dt.timedelta(days=8)
    assert apart(purge_import_jobs) == 1
    with pytest.raises(NotFound):
        get_import_job(by=mira, upload_id=gone)
