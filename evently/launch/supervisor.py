"""Starts the parts of the site in order, restarts one that dies, and stops all of them in the right order."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from evently.launch.processes import Child, LaunchError, StopRequested, log, log_error, stop_all, stop_requested, wait_until

# The pause before a restart doubles each time a part ends within QUICK_SECONDS of its start.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, QUICK_SECONDS = 0.5, 30.0, 10.0
# After so many quick ends in a row the log says that the part is missing, and that the rest goes on.
CRASH_LOOP = 3

# What is stopped first has the highest tier: nobody asks, then nobody works, then nobody is asked. Each tier's grace
# is chosen so that all of them together stay below ten seconds.
WEB, WORKERS, BROKER, DATABASE = 3, 2, 1, 0


class Part(Protocol):
    """What can be supervised: a service of ours, or a server such as Postgres."""

    @property
    def name(self) -> str: ...

    @property
    def child(self) -> Child | None: ...

    def start(self) -> object: ...


class Service:
    """A part that is one command."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, tier: int = WORKERS, grace: float = 3.0
    ) -> None:
        self.name = name
        self.child: Child | None = None
        self._command, self._env, self._cwd = command, env, cwd
        self._tier, self._grace = tier, grace

    def start(self) -> None:
        self.child = Child(self._command, env=self._env, cwd=self._cwd, tier=self._tier, grace=self._grace)

    def wait(self, is_ready: Callable[[], bool], *, timeout: float) -> None:
        """See wait_until."""
        assert self.child, "not started"
        wait_until(is_ready, self.child, what=self.name, timeout=timeout)

    def wait_for_end(self, *, timeout: float) -> int:
        """The exit code of a command that ends by itself."""
        assert self.child, "not started"
        child = self.child
        wait_until(lambda: child.exit_code() is not None, child, what=self.name, timeout=timeout)
        return child.exit_code() or 0


@dataclass
class _Watched:
    part: Part
    started_at: float = field(default_factory=time.monotonic)
    restart_at: float | None = None
    quick_ends: int = 0


class Supervisor:
    """The running parts. As a context manager it leaves none of them behind, however the block ends."""

    def __init__(self) -> None:
        self._watched: list[_Watched] = []

    def start(self, part: Part) -> None:
        # Known before it is started, so that a start that fails halfway is stopped, too.
        self._watched.append(_Watched(part))
        part.start()

    def watch(self, *, until: Callable[[], bool]) -> None:
        """Keep all parts running until a signal asks to stop or `until` says so.

        A part that crashes at every start is tried again for ever, ever more rarely: the others serve meanwhile.
        """
        while not stop_requested.is_set() and not until():
            for watched in self._watched:
                self._look_after(watched)
            time.sleep(0.1)

    def stop(self) -> None:
        stop_all([watched.part.child for watched in self._watched if watched.part.child])
        self._watched.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _look_after(self, watched: _Watched) -> None:
        if watched.restart_at is None:
            if watched.part.child and (code := watched.part.child.exit_code()) is not None:
                # Its own children may have survived it.
                watched.part.child.stop()
                _plan_restart(watched, f"{watched.part.name} ended ({log_error(code)})")
        elif time.monotonic() >= watched.restart_at:
            watched.restart_at, watched.started_at = None, time.monotonic()
            try:
                watched.part.start()
            except (LaunchError, OSError) as error:
                _plan_restart(watched, f"{watched.part.name} could not be started: {error}")
            except StopRequested:
                # `watch` sees it, too.
                return


def _plan_restart(watched: _Watched, what: str) -> None:
    was_quick = time.monotonic() - watched.started_at < QUICK_SECONDS
    watched.quick_ends = watched.quick_ends + 1 if was_quick else 1
    pause = min(FIRST_PAUSE_SECONDS * 2 ** (watched.quick_ends - 1), MAX_PAUSE_SECONDS)
    log(f"{what}; starting it again in {pause:g} s.")
    if watched.quick_ends >= CRASH_LOOP:
        log(
            f"{watched.part.name} has failed {watched.quick_ends} times in a row. The other parts go on without it; see its messages above."
        )
    watched.restart_at = time.monotonic() + pause
