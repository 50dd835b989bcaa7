"""`run` as a process: it starts on nothing, serves, and however it ends it leaves nothing running."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launch.launched import Launched, until

# One after the other: what is measured here are times, and each starts several processes.
pytestmark = pytest.mark.xdist_group("launch")

Launch = Callable[..., Launched]


def test_serves_a_site_with_demo_data_from_an_empty_directory(launch: Launch, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = launch("run")
    first = site.wait_until_up()
    assert "<html" in site.get("/")
    for account in ("admin", "organizer", "attendee", "evently-demo"):
        assert account in site.output
    site.process.terminate()
    stop = site.wait_until_gone(10)
    assert site.process.returncode == 0
    with sqlite3.connect(data_dir / "evently.sqlite3") as database:
        events = database.execute("SELECT count(*) FROM events").fetchone()[0]
    database.close()

    again = launch("run")
    second = again.wait_until_up()
    again.signal_group(signal.SIGINT)
    again.wait_until_gone(10)
    with sqlite3.connect(data_dir / "evently.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM events").fetchone()[0] == events > 0
    database.close()
    with capsys.disabled():
        print(f"\nrun: first start {first:.1f} s, second {second:.1f} s, stop {stop:.1f} s")  # noqa: T201


def test_nothing_outlives_a_killed_launcher(launch: Launch) -> None:
    site = launch("run")
    site.wait_until_up()
    assert len(site.processes()) >= 4  # launcher, guardian, web server, its worker
    site.signal_group(signal.SIGKILL)
    site.wait_until_gone(10)


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes for each processor that do nothing but count."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean_on_a_busy_machine(launch: Launch, busy_machine: None, number: signal.Signals) -> None:
    site = launch("run")
    site.wait_until_up()
    site.signal_group(number)
    site.wait_until_gone(20)
    assert site.process.returncode == 0
    assert "Traceback" not in site.output


def test_stops_when_the_make_that_started_it_is_killed(launch: Launch) -> None:
    site = launch("run", through='"$@" --with-parent; true')
    site.wait_until_up()
    os.kill(site.process.pid, signal.SIGKILL)
    site.wait_until_gone(10)


def test_a_web_server_that_dies_is_started_again_and_its_worker_leaves_with_it(launch: Launch) -> None:
    site = launch("run")
    site.wait_until_up()
    server, worker = sorted(site.processes("granian"), key=lambda process: len(process.parents()))
    server.kill()
    until(lambda: not worker.is_running() and site.answers(), 30, site)
    assert "starting it again" in site.output
    site.signal_group(signal.SIGTERM)
    site.wait_until_gone(10)
    assert site.process.returncode == 0
    assert "Traceback" not in site.output


def test_can_be_stopped_before_it_is_up(launch: Launch) -> None:
    site = launch("run")
    until(lambda: bool(site.processes("granian")), 10, site)
    site.signal_group(signal.SIGINT)
    site.wait_until_gone(10)
    # It did not do what it was asked for.
    assert (site.process.returncode, "Stopped before it was up." in site.output) == (1, True)
    # What was begun is finished or undone by the next start.
    again = launch("run")
    again.wait_until_up()


def test_a_second_one_in_the_same_place_is_refused_at_once(launch: Launch) -> None:
    site = launch("run")
    # While the first one is still starting, too.
    until(lambda: bool(site.processes("granian")), 10, site)
    seconds = []
    for _ in range(2):
        second = launch("run")
        seconds.append(second.wait_until_gone(10))
        assert (second.process.returncode, "already runs on" in second.output) == (1, True)
        site.wait_until_up()
    assert max(seconds) < 4


def test_says_so_when_the_port_is_taken(launch: Launch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        site = launch("run", port=port)
        site.wait_until_gone(10)
    assert site.process.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in site.output
    assert f"PORT={port + 1}" in site.output
    assert "Traceback" not in site.output


def test_refuses_a_configured_database(launch: Launch) -> None:
    site = launch("run", DATABASE_URL="postgresql://localhost/evently")
    site.wait_until_gone(10)
    assert site.process.returncode == 1
    assert "make stack" in site.output


def test_says_what_is_wrong_with_a_setting(launch: Launch) -> None:
    site = launch("run", MAX_TICKETS_PER_BOOKING="many")
    site.wait_until_gone(10)
    assert site.process.returncode == 1
    assert "MAX_TICKETS_PER_BOOKING must be a whole number" in site.output
    assert "Traceback" not in site.output
