import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evently.launch import supervisor as module
from evently.launch.processes import LaunchError, StopRequested, stop_requested
from evently.launch.supervisor import Service, Supervisor

FOREVER = "import time; time.sleep(60)"


def _service(code: str, **options: object) -> Service:
    return Service("The part", [sys.executable, "-c", code], env={}, cwd=Path("/"), **options)


def _within(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def test_a_part_that_dies_is_started_again(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.05)
    part = _service(FOREVER)
    with Supervisor() as supervisor:
        supervisor.start(part)
        assert part.child
        killed = part.child
        killed._process.kill()
        supervisor.watch(until=lambda: part.child is not killed)
        assert part.child.exit_code() is None
    assert part.child.exit_code() is not None
    assert "The part ended (killed by SIGKILL); starting it again" in capfd.readouterr().out


def test_a_part_that_never_stays_up_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.05)
    other = _service(FOREVER)
    with Supervisor() as supervisor:
        supervisor.start(other)
        supervisor.start(_service("raise SystemExit(3)"))
        with pytest.raises(LaunchError, match=r"ended 5 times in a row \(exit code 3\)"):
            supervisor.watch(until=_within(20))
    assert other.child
    assert other.child.exit_code() is not None


@pytest.mark.parametrize(
    ("code", "message"),
    [("raise SystemExit(4)", r"ended before it was ready \(exit code 4\)"), (FOREVER, r"not ready after 0\.5 seconds")],
)
def test_waiting_ends_with_the_part_or_the_patience(code: str, message: str) -> None:
    part = _service(code)
    with Supervisor() as supervisor:
        supervisor.start(part)
        with pytest.raises(LaunchError, match=message):
            part.wait(lambda: False, timeout=0.5)


def test_waiting_ends_when_a_signal_asks_to_stop() -> None:
    part = _service(FOREVER)
    with Supervisor() as supervisor:
        supervisor.start(part)
        stop_requested.set()
        try:
            with pytest.raises(StopRequested):
                part.wait(lambda: False, timeout=10)
        finally:
            stop_requested.clear()
