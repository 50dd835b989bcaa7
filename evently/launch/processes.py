"""Child processes that no signal to our own group reaches, and that never outlive us."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypedDict, Unpack

from evently.launch.reaper import Group, reaper, stop_in_order


class LaunchError(Exception):
    """Something could not be started; the message says what and why, for a person at a terminal."""


class StopRequested(Exception):
    """A signal asked to stop while something was being started."""


stop_requested = threading.Event()


def stop_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP only set `stop_requested`, so that no stop is cut short by the next."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup means it: whoever has it ignored goes on after the terminal is closed.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: stop_requested.set())


def log(text: str) -> None:
    """Tell the person at the terminal, who may have closed it."""
    with contextlib.suppress(OSError):
        print(text, flush=True)  # noqa: T201 - a launcher's output is its interface


class Options(TypedDict, total=False):
    """How a command is started; as another user and group when `user` is given, which takes a root process.

    `output` takes both what it says and its errors; without one they go where ours go.
    """

    env: Mapping[str, str]
    cwd: Path
    output: IO[bytes]
    user: tuple[int, int] | None


class Child:
    """One running command, the leader of a session of its own, watched by the guardian until it was stopped.

    `grace` is in seconds; Group explains it and `tier`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        tier: int = 0,
        grace: float = 5.0,
        **options: Unpack[Options],
    ) -> None:
        self._process = _start(command, **options)
        self.pid = self._process.pid
        self.group = Group(self.pid, stop_signal, tier, grace)
        reaper.watch(self.group)

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        stop_all([self])


def _start(command: Sequence[str | Path], **options: Unpack[Options]) -> "subprocess.Popen[bytes]":
    output, user = options.get("output"), options.get("user")
    uid, gid = user or (None, None)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        env=options.get("env"),
        cwd=options.get("cwd"),
        user=uid,
        group=gid,
        extra_groups=[] if user else None,
        # What it writes, databases and schedules, is its user's alone.
        umask=0o077,
        start_new_session=True,
    )


def stop_all(children: Sequence[Child]) -> None:
    """Stop these and all that they started, in the order of their tiers."""
    stop_in_order(child.group for child in children)
    for child in children:
        child._process.wait()  # noqa: SLF001 - of this file
        reaper.forget(child.pid)


def wait_until(is_ready: Callable[[], bool], child: Child, *, what: str, timeout: float) -> None:
    """Return when the child is ready.

    Raises LaunchError when it ended before or took over `timeout` seconds, StopRequested when a signal came first.
    """
    deadline = time.monotonic() + timeout
    while not is_ready():
        if stop_requested.is_set():
            raise StopRequested
        if (code := child.exit_code()) is not None:
            raise LaunchError(f"{what} ended before it was ready ({log_error(code)}).")
        if time.monotonic() > deadline:
            raise LaunchError(f"{what} was not ready after {timeout:g} seconds.")
        time.sleep(0.02)


def log_error(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def is_root() -> bool:
    return os.geteuid() == 0
