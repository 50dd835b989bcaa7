"""The commands of operators: what they do, what they say, and their exit codes."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from evently.accounts.models import User
from evently.accounts.services import authenticate
from evently.bookings.models import Booking
from evently.database import transaction
from evently.events.imports.files import MAX_FILE_SIZE
from evently.events.models import Event, TicketStock
from evently.extensions import db
from tests.factories import make_booking, make_organizer, make_superuser, make_user
from tests.harness.parts import ROOT
from tests.harness.site import fresh

NO_PASSWORD = {"EVENTLY_PASSWORD": ""}
PROGRAMME = ROOT / "tests/events/data/programme.csv"


@pytest.fixture
def run(app):
    """Runs a command as one types it after `flask --app wsgi`."""

    def call(*words: object, env: dict[str, str] | None = None, keys: str | None = None) -> Result:
        result = app.test_cli_runner().invoke(args=[str(word) for word in words], env={**NO_PASSWORD, **(env or {})}, input=keys)
        fresh()
        # Whatever goes wrong is said in words.
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def write(tmp_path):
    """Writes a JSON file of these rows."""

    def call(*rows: object, name: str = "events.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(rows))
        return path

    return call


def row(**cells: object) -> dict[str, object]:
    return {"id": "1", "name": "Concert", "venue": "Hall", "time": "2031-05-01T20:00"} | cells


def events() -> list[Event]:
    return list(db.session.scalars(sa.select(Event).order_by(Event.source_id)).unique())


def test_a_superuser_with_the_password_of_the_environment(run):
    result = run("create-superuser", "Ada", "Ada@example.org", env={"EVENTLY_PASSWORD": "difference engine"})
    assert (result.exit_code, result.stdout) == (0, "Ada <ada@example.org> is a superuser now.\n")
    user = authenticate(login="ada", password="difference engine")
    assert (user.is_superuser, user.is_staff, user.is_organizer) == (True, True, True)


def test_a_superuser_whose_password_is_typed_twice_and_not_shown(run):
    result = run("create-superuser", "ada", "ada@example.org", keys="engine, analytical\nengine, analytical\n")
    assert result.exit_code == 0
    assert "analytical" not in result.output
    assert authenticate(login="ada", password="engine, analytical").is_superuser


def test_passwords_that_differ_are_asked_for_again(run):
    result = run("create-superuser", "ada", "ada@example.org", keys="one password\nanother one\nthe third one\nthe third one\n")
    assert "do not match" in result.output
    assert authenticate(login="ada", password="the third one").is_superuser


def test_nobody_at_the_keyboard_makes_nobody(run):
    assert run("create-superuser", "ada", "ada@example.org", keys="").exit_code == 1
    assert db.session.query(User).count() == 0


def test_what_is_wrong_with_a_superuser_is_said_by_field(run):
    result = run("create-superuser", "a da", "nowhere", env={"EVENTLY_PASSWORD": "short"})
    assert result.exit_code == 1
    assert all(f"{field}: " in result.stderr for field in ("username", "email", "password"))
    assert "short" not in result.output


def test_a_name_is_taken_whatever_its_case(run):
    make_user(username="ada")
    result = run("create-superuser", "ADA", "other@example.org", env={"EVENTLY_PASSWORD": "difference engine"})
    assert (result.exit_code, result.stderr) == (1, "Error: username: Somebody already has this username.\n")


@pytest.mark.parametrize("words", [["create-superuser"], ["create-superuser", "ada"], ["import-events"], ["import-events", "a", "b"]])
def test_missing_words_are_asked_for(run, words):
    result = run(*words)
    assert (result.exit_code, "Usage:" in result.stderr) == (2, True)


def test_an_import_says_what_came_in_and_what_did_not(run):
    make_organizer(username="mira")
    result = run("import-events", PROGRAMME, "--timezone", "Europe/Berlin")
    assert result.exit_code == 1
    assert result.stdout == "7 rows for mira: 3 created, 0 updated, 0 cancelled, 0 unchanged, 0 twice in the file, 4 refused\n"
    *lines, last = result.stderr.splitlines()
    assert last == "Error: 4 rows were refused, see above; the rest came in."
    assert lines[:2] == [
        "Row 4: name: This is needed.",
        "Row 5 (Letterpress): price_per_ticket: Write a number like 12.50, without the currency.",
    ]
    assert len(lines) == 5
    # No progress bar where nobody watches.
    assert "Importing" not in result.output


def test_a_second_import_leaves_alone_what_did_not_change(run, write):
    make_organizer(username="mira")
    assert run("import-events", write(row(), row(id="2"))).exit_code == 0
    result = run("import-events", write(row(name="New"), row(id="2"), row(id="2"), row(id="3")))
    assert result.exit_code == 0
    assert result.stdout == "4 rows for mira: 1 created, 1 updated, 0 cancelled, 1 unchanged, 1 twice in the file, 0 refused\n"
    assert result.stderr == "Row 3 (Concert): The same event as in row 2.\n"
    assert run("import-events", write(row(name="New"))).exit_code == 0


def test_one_row_that_is_refused_fails_the_import_too(run, write):
    make_organizer(username="mira")
    result = run("import-events", write(row(), row(id="2", capacity=0)))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Error: 1 row was refused, see above; the rest came in.")
    assert len(events()) == 1


def test_the_help_says_whose_the_events_become_and_when_the_command_fails(run):
    help_text = " ".join(run("import-events", "--help").stdout.split())
    assert "Whose events they become" in help_text
    assert "the exit code is 1" in help_text


def test_options_fill_what_the_file_lacks(run, write):
    mira, _ = make_organizer(username="mira"), make_organizer()
    options = ["--organizer", "MIRA", "--capacity", 42, "--price", "12,50", "--timezone", "Asia/Tokyo"]
    assert run("import-events", write(row(), row(id="2", price=3, capacity=4)), *options).exit_code == 0
    first, second = events()
    assert (first.organizer_id, first.capacity, str(first.price_per_ticket), first.timezone) == (mira.id, 42, "12.50", "Asia/Tokyo")
    assert (second.capacity, str(second.price_per_ticket)) == (4, "3.00")


def test_without_options_there_are_100_free_seats_in_the_sites_zone(run, write, app):
    make_organizer()
    run("import-events", write(row()))
    (event,) = events()
    assert (event.capacity, event.is_free, event.timezone) == (100, True, app.config["DEFAULT_TIMEZONE"])


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--capacity", "0", "0 is not in the range"),
        ("--capacity", "many", "not a valid integer"),
        ("--price", "-1", "Choose 0 to"),
        ("--price", "1.005", "two decimals"),
        ("--price", "nan", "Choose 0 to"),
        ("--price", "a lot", "Write a number"),
        ("--timezone", "Berlin", "like Europe/Berlin"),
    ],
)
def test_options_are_looked_at_before_the_file(run, write, option, value, reason):
    make_organizer()
    result = run("import-events", write(row()), option, value)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert events() == []


def test_an_import_needs_to_know_whose_events_they_are(run, write):
    assert "Nobody may create events yet" in run("import-events", write(row())).stderr
    make_organizer(username="one"), make_user(username="two")
    assert run("import-events", write(row())).exit_code == 0
    make_superuser()
    result = run("import-events", write(row()))
    assert (result.exit_code, "give --organizer USERNAME" in result.stderr) == (2, True)
    for name in ("two", "nobody"):
        result = run("import-events", write(row()), "--organizer", name)
        assert (result.exit_code, f"{name} is not somebody who may create events" in result.stderr) == (1, True)


def test_an_import_fails_when_nothing_came_in(run, write):
    make_organizer()
    result = run("import-events", write(row(capacity=0), "text"))
    assert (result.exit_code, "Nothing was imported." in result.stderr, "2 refused" in result.stdout) == (1, True, True)
    assert run("import-events", write()).exit_code == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.json", None, "cannot be read: No such file"),
        ("x.json", b"{", "not JSON"),
        ("x.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("x.txt", b"", "ends in .json, .csv, .ics"),
        ("x.json", b" " * (MAX_FILE_SIZE + 1), "larger than 10 MB"),
    ],
)
def test_a_file_that_cannot_be_read(run, tmp_path, name, content, reason):
    make_organizer()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run("import-events", tmp_path / name)
    assert result.exit_code == 1
    assert reason in result.stderr


def test_a_folder_is_no_file(run, tmp_path):
    make_organizer()
    assert "cannot be read: Is a directory" in run("import-events", tmp_path).stderr


def test_nothing_in_a_file_steers_the_terminal(run, write):
    make_organizer()
    result = run("import-events", write(row(name="\x1b[2J", capacity=0), row(venue="\u202e", capacity=0)))
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output


def test_books_that_balance(run):
    make_booking()
    assert (run("check-ledger").exit_code, run("check-ledger").stdout) == (0, "The books balance.\n")


def test_books_that_do_not(run):
    booking = make_booking(tickets=3)
    with transaction() as session:
        session.execute(sa.update(TicketStock).values(reserved=1))
    result = run("check-ledger")
    assert (result.exit_code, "seats counted as taken: 1, tickets confirmed: 3" in result.stderr) == (1, True)
    result = run("check-ledger", "--repair")
    assert (result.exit_code, result.stdout) == (0, "Events whose counter was off: 1.\nThe books balance.\n")
    assert db.session.get(Booking, booking.id).event.reserved_tickets == 3


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_progress_bar_for_those_who_watch(site, app, write):
    make_organizer()
    terminal, its_other_end = pty.openpty()
    done = flask("import-events", write(row()), env=site.process_environ(), stderr=its_other_end)
    os.close(its_other_end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert (done.returncode, "Importing" in shown, "100%" in shown) == (0, True, True)
    assert re.match(r"1 row for organizer\d+: 1 created", done.stdout)


def test_a_database_that_is_not_set_up_is_said_so(tmp_path):
    environ = dict.fromkeys(["DATABASE_URL", "DB_NAME", "DB_HOST", "DB_USER", "REDIS_URL"], "")
    environ |= {"EVENTLY_DATA_DIR": str(tmp_path), "EVENTLY_PASSWORD": "difference engine"}
    done = flask("create-superuser", "ada", "ada@example.org", env=environ, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("Error: The database says: no such table: users\nIs it there, and did `flask --app wsgi db upgrade` run?\n")


def flask(*words: object, env: dict[str, str], stderr: int) -> "subprocess.CompletedProcess[str]":
    """A command in a process of its own, as an operator types it."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *map(str, words)]
    return subprocess.run(command, env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)


def test_a_role_is_given_and_taken_away(run):
    make_user(username="grace")
    assert run("set-role", "grace", "organizer").output == "grace is now organizer.\n"
    assert db.session.scalars(sa.select(User)).one().is_organizer
    assert run("set-role", "GRACE", "organizer", "--revoke").output == "grace is no longer organizer.\n"
    assert not db.session.scalars(sa.select(User)).one().is_organizer


def test_a_role_needs_somebody_who_is_there_and_a_role_there_is(run):
    assert run("set-role", "nobody", "staff").exit_code == 1
    assert run("set-role", "nobody", "king").exit_code == 2
