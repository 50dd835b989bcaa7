"""`stack` as a process: the production shape comes up on nothing, survives the death of a part, and ends completely."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evently.launch.postgres import Postgres
from evently.launch.webserver import web_processes
from tests.harness.parts import require
from tests.launch.launched import ROOT, Launched, until

pytestmark = pytest.mark.xdist_group("launch")

Launch = Callable[..., Launched]
PARTS = {
    "granian": 1 + web_processes(),
    "worker -Q bookings": 1,
    "worker -Q mail,default": 1,
    "celery.* beat": 1,
    "postgres -D": 1,
    "valkey-server": 1,
}


@pytest.fixture(autouse=True)
def _servers() -> None:
    require("postgresql")
    require("valkey")


def test_every_part_runs_survives_and_ends(launch: Launch, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # One long test: each start of the whole shape is the work of ten processes.
    site = launch("stack")
    first = site.wait_until_up()
    assert "<html" in site.get("/")
    until(lambda: all(len(site.processes(name)) == number for name, number in PARTS.items()), 20, site)
    assert "evently-demo" not in site.output
    _reach_it_from_another_terminal(data_dir)

    [database] = site.processes("postgres -D")
    database.kill()
    until(lambda: any(process.pid != database.pid for process in site.processes("postgres -D")), 20, site)
    until(lambda: _page_is_served(site), 30, site)

    _serves_while_a_worker_crashes_at_every_start(site)

    site.signal_group(signal.SIGKILL)
    site.wait_until_gone(10)

    again = launch("stack")
    second = again.wait_until_up()
    again.process.terminate()
    stop = again.wait_until_gone(10)
    assert again.process.returncode == 0
    assert "Traceback" not in again.output
    # The launcher says that it stops; its workers need not.
    assert "shutdown" not in again.output.lower()
    with capsys.disabled():
        print(f"\nstack: first start {first:.1f} s, second {second:.1f} s, stop {stop:.1f} s")  # noqa: T201


def _serves_while_a_worker_crashes_at_every_start(site: Launched) -> None:
    def has_given_up() -> bool:
        for process in site.processes("worker -Q bookings"):
            process.kill()
        return "The worker for bookings has failed 5 times in a row. The other parts go on without it" in site.output

    until(has_given_up, 120, site)
    assert _page_is_served(site)
    assert site.process.poll() is None


def _reach_it_from_another_terminal(data_dir: Path) -> None:
    variables = data_dir / "stack.env"
    assert stat.S_IMODE(variables.stat().st_mode) == 0o600
    # The doctor asks the site itself, where people reach it.
    for command in (["create-superuser", "ada", "ada@evently.example"], ["doctor"]):
        done = subprocess.run(
            ["sh", "-c", f". '{variables}'; exec \"$@\"", "sh", sys.executable, "-m", "flask", "--app", "wsgi", *command],
            cwd=ROOT,
            env={"EVENTLY_PASSWORD": "a password of ada's", "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_uses_the_database_that_is_named(launch: Launch) -> None:
    with Postgres.temporary() as server:
        site = launch("stack", DATABASE_URL=server.url)
        site.wait_until_up()
        assert not site.processes("postgres -D")
        assert "<html" in site.get("/")
        site.process.terminate()
        site.wait_until_gone(10)


def _page_is_served(site: Launched) -> bool:
    try:
        return "<html" in site.get("/")
    except OSError:
        return False
