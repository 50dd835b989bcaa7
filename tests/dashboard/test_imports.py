"""Events from a file, uploaded in the dashboard."""

import io
import json
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from evently.accounts.models import User
from evently.events.imports.files import MAX_FILE_SIZE
from evently.events.models import Event, ImportJob
from evently.events.tasks import resume_import_jobs
from evently.extensions import db
from tests.dashboard.reading import errors, words
from tests.factories import make_event, make_organizer
from tests.harness.site import apart
from tests.harness.visitor import Visitor

# What is tested is not the database's.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
IMPORT = "/dashboard/events/import"
ROWS = [
    {"id": "1", "name": "Seerunde", "venue": "Seepark", "start": "2034-06-01T10:00"},
    {"id": "2", "name": "Waldlauf", "venue": "Wald", "start": "2034-06-02", "capacity": 30},
    {"id": "3", "name": "Ohne Tag <b>", "venue": "Halle"},
]


def send(desk: Visitor, content: Any, name: str = "events.json", **fields: str) -> TestResponse:
    file = content if isinstance(content, bytes) else json.dumps(content).encode()
    return desk.submit(IMPORT, {"file": (io.BytesIO(file), name), "timezone": "Europe/Berlin", **fields})


def text(page: str) -> str:
    report = page.split('id="upload-report"')[1].split("</section>", maxsplit=1)[0]
    return " ".join(words(report[report.index("<h2") :]).split())


def count_events() -> int:
    return db.session.scalar(select(func.count()).select_from(Event)) or 0


def test_a_file_is_checked_looked_over_and_imported(desk: Visitor, mira: User):
    answer = send(desk, ROWS)
    report = answer.location
    assert (answer.status_code, report.startswith(f"{IMPORT}/")) == (303, True)
    waiting = desk.get(report).text
    assert '<progress aria-label="Reading the file"></progress>' in waiting
    assert "Nothing is imported yet." in text(waiting)
    assert "being read" in desk.get(IMPORT).text
    assert '<noscript><meta http-equiv="refresh"' in waiting
    assert 'hx-trigger="load delay:1s"' in desk.get(report, htmx=True).text
    apart(resume_import_jobs)

    page = desk.get(report).text
    assert 'http-equiv="refresh"' not in page
    assert "load delay" not in page
    assert "What would come of it 3" in text(page)
    assert "Import 2 events" in page
    assert "Ohne Tag &lt;b&gt;" in page
    assert "Time: This is needed." in text(page)
    only = desk.get(f"{report}?outcome=refused", htmx=True).text
    assert (only.strip().startswith("<section"), "Seerunde" in only, "Ohne Tag" in only) == (True, False, True)
    assert count_events() == 0

    confirmed = desk.submit(report, action=f"{report}/confirmation")
    assert (confirmed.status_code, confirmed.location) == (303, report)
    assert "imported. You can leave this page" in desk.get(report).text
    apart(resume_import_jobs)
    assert "What came of it 3" in text(desk.get(report).text)
    events = {event.name: event for event in db.session.scalars(select(Event))}
    assert {name: (event.capacity, event.organizer_id) for name, event in events.items()} == {
        "Seerunde": (100, mira.id),
        "Waldlauf": (30, mira.id),
    }
    assert f'href="/dashboard/events/{events["Seerunde"].id}"' in desk.get(report).text


def test_the_same_file_again_has_nothing_to_import(desk: Visitor):
    for _ in range(2):
        report = send(desk, ROWS[:2]).location
        apart(resume_import_jobs)
        if "Import 2 events" in desk.get(report).text:
            desk.submit(report, action=f"{report}/confirmation")
            apart(resume_import_jobs)
    assert "There is nothing to import." in desk.get(report).text
    assert "Unchanged" in desk.get(report).text
    assert count_events() == 2
    assert desk.submit(report, action=f"{report}/discard").location == IMPORT
    assert desk.get(report).status_code == 404


@pytest.mark.parametrize(
    ("content", "name", "fields", "expected"),
    [
        (b"", "", {}, {"file": "Choose a file."}),
        (b"hello", "events.txt", {}, {"file": "Give a file that ends in .json, .csv, .ics."}),
        (b" \n", "events.json", {}, {"file": "The file is empty."}),
        (b"[{}]", "a.json", {"capacity": "0", "timezone": "Mars"}, None),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(desk: Visitor, content: bytes, name: str, fields: dict[str, str], expected: Any):
    answer = send(desk, content, name, **fields)
    assert answer.status_code == 422
    expected = expected or {"capacity": "Choose 1 to 1,000,000 seats.", "timezone": "Choose a time zone like Europe/Berlin."}
    assert errors(answer.text) == expected
    assert 'id="error-summary"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(ImportJob)) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "This is not JSON: Expecting property name enclosed in double quotes at line 1, column 2. Nothing was imported."),
        (b"[]", "There are no events in this file. Nothing was imported."),
    ],
)
def test_a_file_that_cannot_be_read_says_why_on_its_page(desk: Visitor, content: bytes, reason: str):
    report = send(desk, content).location
    apart(resume_import_jobs)
    page = desk.get(report).text
    assert text(page).startswith("The file could not be read")
    assert reason in text(page)
    assert "Choose another file" in text(page)
    assert ('http-equiv="refresh"' in page, "load delay" in page, "<table" in page) == (False, False, False)
    assert "not imported" in desk.get(IMPORT).text
    # It cannot be confirmed, and the next file takes its place.
    assert desk.client.post(f"{report}/confirmation", data={"csrf_token": desk.token("/account")}).status_code == 409
    send(desk, ROWS)
    assert desk.get(report).status_code == 404


def test_a_file_that_is_too_large_is_refused_beside_the_field(desk: Visitor):
    # By hand, because the client would leave a file of its own open.
    parts = {"csrf_token": desk.token(IMPORT), "capacity": "9", "price_per_ticket": "0", "timezone": "UTC"}
    lines = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()]
    lines.append('--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n')
    body = "".join(lines).encode() + b"x" * (MAX_FILE_SIZE + 1) + b"\r\n--x--\r\n"
    answer = desk.client.post(IMPORT, data=body, content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, errors(answer.text)) == (422, {"file": "The file is larger than 10 MB; split it."})


def test_a_file_is_nobody_elses(desk: Visitor, desk_of, mira: User):
    report = send(desk, ROWS).location
    rival = desk_of(make_organizer())
    token = rival.token("/account")
    assert rival.get(report).status_code == 404
    for action in ("confirmation", "discard"):
        assert rival.client.post(f"{report}/{action}", data={"csrf_token": token}).status_code == 404
    make_event(by=mira, timezone="Asia/Tokyo")
    page = desk.get(IMPORT).text
    assert "events.json" in page
    assert '<option selected value="Asia/Tokyo">' in page
    assert "events.json" not in rival.get(IMPORT).text
