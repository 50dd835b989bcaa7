"""deploy/backup.sh and deploy/restore.sh against the real server: what was there is there again, and the books balance."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.bookings.models import Booking
from evently.events.models import Event
from evently.extensions import db
from evently.launch.postgres import _installed
from tests.factories import make_booking, make_event, make_organizer
from tests.harness.parts import ROOT
from tests.harness.servers import new_database
from tests.harness.site import Site

pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


@pytest.fixture(scope="session")
def programs() -> str:
    """Where pg_dump of the server's version is: with a named server the system's, else that of our own server."""
    if os.environ.get("TEST_DATABASE_URL"):
        return ""
    return str(_installed() / "bin")


@pytest.fixture
def empty(postgresql_url: str) -> Iterator[str]:
    with new_database(postgresql_url, "evently_restored") as url:
        yield url


def script(name: str, *words: object, programs: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C"} | environ
    return subprocess.run([ROOT / "deploy" / name, *map(str, words)], env=given, capture_output=True, text=True, check=False)


def test_what_was_there_is_there_again(app: Flask, site: Site, empty: str, tmp_path: Path, programs: str):
    event = make_event(by=make_organizer(), name="Größe – 東京", capacity=5)
    for tickets in (2, 3):
        make_booking(event=event, tickets=tickets)
    seen = db.session.execute(sa.select(Booking.seq, Booking.status, Booking.ticket_count).order_by(Booking.seq)).all()

    saved = script("backup.sh", tmp_path, programs=programs, DATABASE_URL=site.environ["DATABASE_URL"])
    assert saved.returncode == 0, saved.stderr
    [file] = tmp_path.iterdir()
    assert saved.stdout.strip() == str(file)
    assert file.stat().st_mode & 0o077 == 0

    back = script("restore.sh", file, programs=programs, DATABASE_URL=empty)
    assert (back.returncode, back.stderr) == (0, "")
    again = sa.create_engine(empty.replace("postgresql:", "postgresql+psycopg2:"), poolclass=sa.NullPool)
    with again.connect() as connection:
        assert connection.execute(sa.select(Booking.seq, Booking.status, Booking.ticket_count).order_by(Booking.seq)).all() == seen
        assert connection.scalar(sa.select(Event.name)) == "Größe – 東京"
    assert flask("check-ledger", site, empty) == (0, "The books balance.\n")
    # The site goes on where it was: numbers that were given are not given again.
    assert flask("db", site, empty, "current")[0] == 0

    twice = script("restore.sh", file, programs=programs, DATABASE_URL=empty)
    assert twice.returncode == 1
    assert "Restore into an empty one" in twice.stderr


def flask(command: str, site: Site, database_url: str, *words: str) -> tuple[int, str]:
    environ = site.process_environ(DATABASE_URL=database_url)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", command, *words],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_server_that_is_away_leaves_no_file_behind(site: Site, tmp_path: Path, programs: str):
    away = script("backup.sh", tmp_path, programs=programs, DATABASE_URL="postgresql://evently:wrong@127.0.0.1:1/none")
    assert away.returncode != 0
    assert not list(tmp_path.glob("*.dump"))


def test_the_database_may_be_named_in_parts_and_passwords_may_hold_anything(site: Site, tmp_path: Path, programs: str, app: Flask):
    url = sa.make_url(site.environ["DATABASE_URL"])
    parts = {"DB_HOST": url.host, "DB_PORT": str(url.port), "DB_NAME": url.database, "DB_USER": url.username, "DB_PASSWORD": url.password}
    saved = script("backup.sh", tmp_path / "parts", programs=programs, DATABASE_URL="", **parts)
    assert saved.returncode == 0, saved.stderr
    # What the scripts make of an address: read by the shell, as they do.
    odd = "p/%@: ü'\"$x"
    command = f'. {ROOT}/deploy/database.sh; printf "%s|%s" "$PGPASSWORD" "$database"'
    address = f"postgresql+psycopg2://ada:{quote(odd, safe='')}@db:5433/box?sslmode=require"
    done = subprocess.run(["sh", "-c", command], env=os.environ | {"DATABASE_URL": address}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{odd}|postgresql://ada@db:5433/box?sslmode=require"


def test_the_guide_puts_a_backup_in_the_place_of_a_database_that_exists(app: Flask, site: Site, empty: str, tmp_path: Path, programs: str):
    """Rename, create, restore, migrate, check: the steps of docs/operations.md, on a database that people have used since."""
    make_booking(event=make_event(name="Before the backup"))
    saved = script("backup.sh", tmp_path, programs=programs, DATABASE_URL=site.environ["DATABASE_URL"])
    [file] = tmp_path.iterdir()
    back = script("restore.sh", file, programs=programs, DATABASE_URL=empty)
    assert (saved.returncode, back.returncode) == (0, 0), back.stderr
    url = sa.make_url(empty).set(drivername="postgresql+psycopg2")
    with _connected(url) as connection:
        connection.execute(sa.update(Event).values(name="After the backup"))
        connection.commit()
    server = url.set(database="postgres")
    with _connected(server, isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" RENAME TO evently_before')
        try:
            connection.exec_driver_sql(f"CREATE DATABASE \"{url.database}\" ENCODING 'UTF8' TEMPLATE template0")
            back = script("restore.sh", file, programs=programs, DATABASE_URL=empty)
            assert (back.returncode, back.stderr) == (0, "")
            assert flask("db", site, empty, "upgrade")[0] == 0
            assert flask("check-ledger", site, empty) == (0, "The books balance.\n")
            assert flask("reports", site, empty, "check")[0] == 0
            assert flask("cache", site, empty, "clear")[0] == 0
            with _connected(url) as restored, _connected(url.set(database="evently_before")) as before:
                assert restored.scalar(sa.select(Event.name)) == "Before the backup"
                assert before.scalar(sa.select(Event.name)) == "After the backup"
        finally:
            connection.exec_driver_sql("DROP DATABASE IF EXISTS evently_before WITH (FORCE)")


@contextlib.contextmanager
def _connected(url: sa.URL, **options: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, **options)
    with engine.connect() as connection:
        yield connection


def test_the_schedule_reports_its_backups(app: Flask, site: Site, tmp_path: Path, programs: str):
    environ = {"DATABASE_URL": site.environ["DATABASE_URL"], "BACKUP_FAILED_FILE": str(tmp_path / "failed")}
    done = script("backup-schedule.sh", tmp_path / "kept", "once", programs=programs, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    [file] = (tmp_path / "kept").iterdir()
    assert done.stdout == f"backup: {file}, {file.stat().st_size} bytes\n"
    away = environ | {"DATABASE_URL": "postgresql://evently:wrong@127.0.0.1:1/none"}
    failed = script("backup-schedule.sh", tmp_path / "kept", "once", programs=programs, **away)
    assert failed.returncode == 1
    assert "backup: failed" in failed.stderr
    # The health check of the container looks for this file.
    assert (tmp_path / "failed").exists()
    script("backup-schedule.sh", tmp_path / "kept", "once", programs=programs, **environ)
    assert not (tmp_path / "failed").exists()


@pytest.mark.parametrize("time", ["25:00", "3:30", "03:60", "soon", "08:09x"])
def test_an_invalid_time_for_backups_is_refused(site: Site, tmp_path: Path, programs: str, time: str):
    done = script("backup-schedule.sh", tmp_path, programs=programs, BACKUP_TIME=time)
    assert done.returncode == 1
    assert "BACKUP_TIME must be a time like 03:30" in done.stderr


@pytest.mark.parametrize(
    ("time", "now", "seconds"),
    [("03:30", "1 03 29 59", 1), ("03:30", "1 03 30 00", 86400), ("00:00", "1 23 59 00", 60), ("09:08", "1 09 08 07", 86393)],
)
def test_it_waits_until_that_time_of_the_day(site: Site, tmp_path: Path, time: str, now: str, seconds: int):
    """With a `date` that prints the time of this test, and a `sleep` that writes how long it should wait."""
    _, *parts = now.split()
    for name, text in (
        ("date", f"echo {','.join('1' + part for part in parts)}"),
        ("sleep", f'echo "sleeps $1" >{tmp_path}/slept; kill $PPID'),
    ):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    script("backup-schedule.sh", tmp_path / "kept", programs=str(tmp_path), BACKUP_TIME=time)
    assert (tmp_path / "slept").read_text() == f"sleeps {seconds}\n"
