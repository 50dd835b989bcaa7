import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evently.launch import single_instance as module
from evently.launch.processes import LaunchError, StopRequested, stop_requested
from evently.launch.reaper import reaper
from evently.launch.single_instance import single_instance


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    monkeypatch.setattr(reaper, "_held", [])
    yield
    stop_requested.clear()


def test_a_second_launcher_is_refused_at_once_while_the_first_one_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    with single_instance(tmp_path, "run"), pytest.raises(LaunchError, match="already runs"), single_instance(tmp_path, "run"):
        pass
    assert time.monotonic() - started < 0.4
    assert capfd.readouterr().out == ""


def test_the_other_shape_has_its_own_place(tmp_path: Path) -> None:
    with single_instance(tmp_path, "run"), single_instance(tmp_path, "stack"):
        pass


def test_what_an_ended_launcher_left_behind_is_waited_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LaunchError, match="already runs"), single_instance(tmp_path, "run"):
            pass
    assert "has not ended yet" in capfd.readouterr().out
    with single_instance(tmp_path, "run"):
        pass


def test_a_launcher_that_stops_is_waited_for_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with single_instance(tmp_path, "run"):
        pass
    # Its parts have not ended yet.
    with pytest.raises(LaunchError, match="already runs"), single_instance(tmp_path, "run"):
        pass
    assert "has not ended yet" in capfd.readouterr().out


def test_whoever_waits_can_be_stopped(tmp_path: Path) -> None:
    with (tmp_path / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        stop_requested.set()
        with pytest.raises(StopRequested), single_instance(tmp_path, "run"):
            pass
