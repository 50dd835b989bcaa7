"""What a killed launcher leaves behind is stopped for it, in its order."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evently.launch import processes
from evently.launch.processes import Child
from evently.launch.reaper import Group, Reaper, is_running, stop_in_order
from tests.launch.launched import ROOT

# Writes its name down when it is asked to stop, and then takes a moment.
POLITE = """
import signal, sys, time
def end(*_):
    print(sys.argv[1], flush=True)
    time.sleep(0.2)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
LAUNCHER = """
import sys, time
from pathlib import Path
from evently.launch.processes import Child
with Path(sys.argv[1]).open("ab") as log:
    children = [Child([sys.executable, "-c", sys.argv[2], name], tier=tier, output=log) for name, tier in
                (("database", 0), ("web", 3), ("worker", 2))]
print(*(child.pid for child in children), flush=True)
time.sleep(60)
"""


def _wait_for(path: Path, text: str, times: int = 1) -> None:
    deadline = time.monotonic() + 10
    while not path.exists() or path.read_text().count(text) < times:
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.02)


def _child(code: str, log: Path, **options: object) -> Child:
    with log.open("ab") as output:
        return Child([sys.executable, "-c", code, log.stem], output=output, **options)


@pytest.mark.parametrize("kill_group", [False, True])
def test_stops_what_is_left_tier_by_tier_when_the_launcher_is_killed(tmp_path: Path, kill_group: bool) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", LAUNCHER, str(log), POLITE]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as launcher:
        assert launcher.stdout
        pids = [int(pid) for pid in launcher.stdout.readline().split()]
        _wait_for(log, "up", 3)
        if kill_group:
            os.killpg(launcher.pid, signal.SIGKILL)
        else:
            launcher.kill()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert log.read_text().split() == ["up"] * 3 + ["web", "worker", "database"]


def test_a_signal_to_our_group_does_not_reach_a_child(tmp_path: Path) -> None:
    child = _child(POLITE, tmp_path / "child")
    try:
        assert os.getpgid(child.pid) != os.getpgid(0)
        assert os.getsid(child.pid) != os.getsid(0)
    finally:
        child.stop()


def test_who_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = _child(STUBBORN, tmp_path / "stubborn", grace=0.3)
    _wait_for(tmp_path / "stubborn", "up")
    started = time.monotonic()
    child.stop()
    assert 0.3 <= time.monotonic() - started < 2
    assert child.exit_code() == -signal.SIGKILL


def test_the_rest_of_a_group_is_stopped_when_its_leader_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "orphan"
    leader = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {POLITE!r}, 'orphan'])"
    child = _child(leader, log)
    _wait_for(log, "up")
    while child.exit_code() is None:
        time.sleep(0.02)
    assert is_running(child.pid)
    child.stop()
    assert not is_running(child.pid)
    assert "orphan" in log.read_text()


def test_stopping_what_is_not_there_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as process:
        pass
    stop_in_order([Group(process.pid)])


def test_a_killed_guardian_is_replaced_and_hears_of_all_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One of its own: the servers of the test run are watched by the other.
    guardian = Reaper()
    monkeypatch.setattr(processes, "reaper", guardian)
    first = _child(POLITE, tmp_path / "first")
    assert guardian._process
    guardian._process.kill()
    guardian._process.wait()
    second = _child(POLITE, tmp_path / "second")
    third = _child(POLITE, tmp_path / "third")
    for name in ("first", "second", "third"):
        _wait_for(tmp_path / name, "up")
    # What the end of this process would do.
    guardian.close()
    assert not any(is_running(child.pid) for child in (first, second, third))
    for child in (first, second, third):
        child.stop()
