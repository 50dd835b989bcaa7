import re
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


def _within(seconds: float, condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition; fails when it is not met in time."""
    deadline = time.monotonic() + seconds

    def is_met() -> bool:
        assert time.monotonic() < deadline
        return condition()

    return is_met


def test_a_part_that_dies_is_started_again(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAUSE_SECONDS", 0.05)
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


def test_a_part_that_never_stays_up_is_tried_ever_more_rarely_and_the_others_go_on(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    other, broken = _service(FOREVER), _service("raise SystemExit(3)")
    with Supervisor() as supervisor:
        supervisor.start(other)
        supervisor.start(broken)
        assert other.child
        first = other.child
        output = ""

        def has_failed_often() -> bool:
            nonlocal output
            output += capfd.readouterr().out
            return "failed 6 times in a row" in output

        supervisor.watch(until=_within(30, has_failed_often))
        assert (other.child, first.exit_code()) == (first, None)
    pauses = [float(pause) for pause in re.findall(r"ended \(exit code 3\); starting it again in ([\d.]+) s", output)]
    assert pauses[:6] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    assert "The other parts go on without it" in output


def test_the_pause_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = module._Watched(_service(FOREVER), quick_ends=50)
    module._plan_restart(watched, "The part ended")
    assert watched.restart_at == pytest.approx(time.monotonic() + module.MAX_PAUSE_SECONDS, abs=5)


def test_a_part_that_stayed_up_is_started_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = module._Watched(_service(FOREVER), quick_ends=50, started_at=time.monotonic() - module.QUICK_SECONDS - 1)
    module._plan_restart(watched, "The part ended")
    assert watched.restart_at == pytest.approx(time.monotonic() + module.FIRST_PAUSE_SECONDS, abs=0.4)


def test_a_server_that_cannot_be_started_again_is_tried_again(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)

    class Server(Service):
        starts = 0

        def start(self) -> None:
            self.starts += 1
            if self.starts in {2, 3}:
                raise LaunchError("its disk is full")
            super().start()

    server = Server("The server", [sys.executable, "-c", FOREVER], env={}, cwd=Path("/"))
    with Supervisor() as supervisor:
        supervisor.start(server)
        assert server.child
        server.child._process.kill()
        supervisor.watch(until=_within(20, lambda: server.starts == 4))
        assert server.child.exit_code() is None
    assert capfd.readouterr().out.count("The server could not be started: its disk is full; starting it again in") == 2


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
