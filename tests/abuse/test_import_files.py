"""Uploaded files that are costly to read: the request only stores them, and a worker reads them in a child process with limits."""

import datetime as dt
import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import expect

from evently import child_process
from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.child_process import Cancelled, LimitExceeded, Limits
from evently.database import transaction, utc_now
from evently.events import import_worker
from evently.events.import_jobs import discard_import, start_import
from evently.events.import_rows import ImportDefaults
from evently.events.imports import reading
from evently.events.imports.files import UnreadableFile
from evently.events.imports.reading import StoredRows, read_file
from evently.events.models import ImportJob
from evently.events.tasks import resume_import_jobs
from evently.extensions import db
from tests.abuse.hostile_files import FILES, READABLE, calendar, event
from tests.factories import log_in, make_organizer
from tests.harness.browser import NewPage
from tests.harness.concurrency import at_once, wait_until
from tests.harness.parts import ROOT
from tests.harness.site import apart, fresh, on_sqlite
from tests.harness.visitor import Visitor
from tests.web.test_accessibility import log_in as sign_in

IMPORT = "/dashboard/events/import"
FILLS = ImportDefaults(capacity=9, price=Decimal(0), timezone="UTC")
NAME, BOMB, REASON = FILES["2,000,000 categories"]
SOUND = json.dumps([{"name": "Walk", "venue": "Park", "start": "2034-05-01T20:00"}]).encode()


def upload(by: User, content: bytes = SOUND, name: str = "events.json") -> ImportJob:
    return start_import(by=by, filename=name, content=content, fills=FILLS)


def form(**fields: str) -> bytes:
    """By hand, because the test client would leave a file of its own open."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    parts.append(f'--x\r\nContent-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n')
    return "".join(parts).encode() + BOMB + b"\r\n--x--\r\n"


def work(file: ImportJob) -> ImportJob:
    apart(import_worker.run, file.id)
    db.session.refresh(file)
    return file


def call(function: str, data: bytes = b"", *arguments: str, keep_going=lambda: True, **limits: float) -> bytes:
    bounds = Limits(**{"cpu_seconds": 30, "seconds": 60, "megabytes": 1024} | limits)
    return child_process.call(f"tests.abuse.in_child:{function}", data, *arguments, limits=bounds, keep_going=keep_going)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_costs_too_much_is_refused_with_the_reason(kind: str):
    name, content, reason = FILES[kind]
    with pytest.raises(UnreadableFile, match=reason):
        read_file(filename=name, content=content)


@pytest.mark.parametrize("kind", READABLE)
def test_what_does_not_matter_for_events_is_skipped(kind: str):
    name, content, count = READABLE[kind]
    assert len(StoredRows(read_file(filename=name, content=content))) == count


def test_the_request_stores_the_file_and_does_not_read_it(app: Flask, mira: User):
    desk = Visitor(log_in(app.test_client(), mira))
    body, seconds = form(csrf_token=desk.token(IMPORT), capacity="9", price_per_ticket="0", timezone="UTC"), []
    for _ in range(3):
        started = time.thread_time()
        answer = desk.client.post(IMPORT, data=body, content_type="multipart/form-data; boundary=x")
        seconds.append(time.thread_time() - started)
    # Reading it took half a minute.
    assert (answer.status_code, min(seconds) < 0.2) == (303, True)
    assert "Reading the file" in desk.get(answer.location).text
    assert db.session.scalars(sa.select(ImportJob.content)).all() == [BOMB]

    apart(resume_import_jobs)
    page = desk.get(answer.location).text
    assert "The file could not be read" in page
    assert f"Line 8 is {REASON}" in page
    assert db.session.scalars(sa.select(ImportJob.content)).all() == [b""]


@pytest.mark.parametrize("limits", [{"cpu_seconds": 1}, {"megabytes": 64}], ids=["time", "memory"])
def test_a_file_that_reaches_a_limit_fails_and_others_are_worked_on(mira: User, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]):
    bad = upload(mira, calendar(b"\n" * 9_000_000), "slow.ics")
    good = upload(make_organizer())
    with monkeypatch.context() as patch:
        patch.setattr(reading, "LIMITS", Limits(**{"cpu_seconds": 30, "seconds": 60, "megabytes": 512} | limits))
        work(bad)
    assert (bad.state, bad.reason, bad.attempts) == ("failed", reading.TOO_COSTLY, 1)
    assert work(good).state == "checked"


def test_one_file_is_read_at_a_time_and_the_next_one_waits(mira: User):
    first, second = upload(mira), upload(make_organizer())
    with transaction():
        first.lease_until = utc_now() + dt.timedelta(seconds=30)
    assert (work(second).state, second.attempts) == ("reading", 0)
    with transaction():
        first.lease_until = utc_now() - dt.timedelta(seconds=1)
    assert apart(resume_import_jobs) == 2
    assert {db.session.get_one(ImportJob, file.id, populate_existing=True).state for file in (first, second)} == {"checked"}


def test_reading_ends_when_the_file_is_discarded_and_holds_its_lease_until_then(app: Flask, mira: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_process, "TICK", 0.05)
    file = upload(mira, calendar(b"\n" * 9_000_000), "slow.ics")
    file_id = file.id

    def lease() -> dt.datetime:
        fresh()
        return db.session.scalars(sa.select(ImportJob.lease_until).where(ImportJob.id == file_id)).one() or dt.datetime.min.replace(
            tzinfo=dt.UTC
        )

    def discard() -> str:
        wait_until(lambda: lease() > utc_now(), what="a lease")
        first = lease()
        wait_until(lambda: lease() > first, what="a longer lease")
        discard_import(by=get_user(mira.id), upload_id=file_id)
        return "discarded"

    assert at_once(app, [lambda: import_worker.run(file_id), discard]) == [False, "discarded"]
    assert db.session.scalars(sa.select(ImportJob)).all() == []


def test_a_child_takes_and_gives_bytes_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "known to the parent")
    data = bytes(range(256)) * 40_000
    assert call("echo", data, "a", "b c") == data + b"a b c"


@pytest.mark.parametrize(
    ("function", "limits"),
    [("spin", {"cpu_seconds": 1}), ("sleep", {"seconds": 0.1}), ("fill_memory", {"megabytes": 256}), ("die", {})],
)
def test_a_child_is_ended_at_its_limits(monkeypatch: pytest.MonkeyPatch, function: str, limits: dict[str, float]):
    monkeypatch.setattr(child_process, "TICK", 0.1)
    with pytest.raises(LimitExceeded):
        call(function, **limits)


def test_a_child_is_ended_when_its_result_is_not_needed_any_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_process, "TICK", 0.05)
    with pytest.raises(Cancelled):
        call("sleep", keep_going=lambda: False)


def test_a_child_ends_when_its_parent_is_killed():
    program = "from evently.child_process import *; call('tests.abuse.in_child:sleep', b'', limits=Limits(30, 60, 1024))"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as parent:
        wait_until(lambda: children(parent.pid) != [], what="a child")
        (child,) = children(parent.pid)
        parent.kill()
    wait_until(lambda: not is_running(child), what="the end of the child")


def is_running(pid: int) -> bool:
    """Not a child that ended and that no parent has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@on_sqlite
def test_the_command_reads_files_with_the_same_limits(app: Flask, mira: User, tmp_path: Path):
    (tmp_path / NAME).write_bytes(BOMB)
    result = app.test_cli_runner().invoke(args=["import-events", str(tmp_path / NAME), "--organizer", mira.username])
    assert (result.exit_code, REASON in result.stderr) == (1, True)


def test_what_comes_back_from_the_child_means_the_same(mira: User):
    """Dates and decimals are text there."""
    content = json.dumps([{"name": "A", "venue": "B", "start": "2034-05-01T20:00+02:00", "price": 12.10, "capacity": 7, "text": "a\ud800"}])
    (row,) = StoredRows(read_file(filename="a.json", content=content.encode()))
    assert row.values["price"] == "12.1"
    assert row.values["text"] == "a\ud800"
    (row,) = StoredRows(read_file(filename="a.ics", content=calendar(event(b"DTEND;VALUE=DATE:20310102\r\n"))))
    assert (row.values["time"], row.values["ends_at"]) == ("2031-01-01T20:00:00+00:00", "2031-01-01")


@on_sqlite
@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no_scripts"])
def test_the_page_shows_that_a_file_is_read_and_then_why_it_was_not(new_page: NewPage, mira: User, tmp_path: Path, javascript: bool):
    """In embedded mode, where the worker is in the web server's process."""
    slow = tmp_path / "slow.ics"
    slow.write_bytes(calendar(b"\n" * 2_000_000))
    page = new_page(javascript=javascript, width=390)
    sign_in(page, mira)
    page.goto(IMPORT)
    page.get_by_label("File", exact=True).set_input_files(slow)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="Reading the file")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Reading the file")).to_be_visible()
    expect(page.get_by_role("heading", name="The file could not be read")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("There are no events in this file. Nothing was imported.")).to_be_visible()
    page.get_by_role("link", name="Choose another file").click()
    expect(page.get_by_label("File", exact=True)).to_be_visible()
