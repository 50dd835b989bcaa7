"""Stops what a launcher started when the launcher itself was killed and could not.

The guardian is one small process in a session of its own, so no signal to the launcher's group reaches it. It holds
the reading end of a pipe; the launcher writes down each process group it starts. The kernel closes the pipe when the
launcher dies, by whatever signal, and the guardian then stops the groups that are left, in the launcher's own order.

This file is both a module of the launcher and the script of the guardian, and imports nothing but the standard library.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Group:
    """A process group to be stopped: by its leader's stop signal, and by SIGKILL when `grace` seconds have passed.

    Groups with a higher tier are stopped before those of a lower tier are told: web before workers before databases.
    """

    pgid: int
    stop_signal: int = signal.SIGTERM
    tier: int = 0
    grace: float = 5.0


def stop_in_order(groups: Iterable[Group]) -> None:
    """Stop these groups tier by tier; afterwards none of their processes runs."""
    remaining = [group for group in groups if is_running(group.pgid)]
    for tier in sorted({group.tier for group in remaining}, reverse=True):
        _stop_together([group for group in remaining if group.tier == tier])


def _stop_together(groups: list[Group]) -> None:
    for group in groups:
        _ask_to_stop(group)
    started = time.monotonic()
    while waiting := [group for group in groups if is_running(group.pgid)]:
        late = [group for group in waiting if time.monotonic() - started > group.grace]
        for group in late:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group.pgid, signal.SIGKILL)
        # A process in uninterruptible sleep outlives even SIGKILL for a while; do not wait for it for ever.
        if len(late) == len(waiting) and time.monotonic() - started > max(group.grace for group in groups) + 2:
            return
        time.sleep(0.02)


def _ask_to_stop(group: Group) -> None:
    # Only the leader: it stops its own children in its own way. When it is gone already, whoever is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        try:
            os.kill(group.pgid, group.stop_signal)
        except ProcessLookupError:
            os.killpg(group.pgid, group.stop_signal)


def is_running(pgid: int) -> bool:
    """Whether any process of this group still runs; one that ended and was not yet waited for does not."""
    try:
        os.killpg(pgid, 0)
    except (ProcessLookupError, PermissionError):
        # PermissionError: macOS says so of a group of zombies; ours are never another user's.
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(state != "Z" for state in _states_of(pgid))


def _states_of(pgid: int) -> Iterable[str]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                # "pid (name) state parent group …"; the name may itself hold blanks and brackets.
                state, _, group = (directory / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(group) == pgid:
                    yield state


class Reaper:
    """The launcher's end of the pipe. The process behind it is started with the first group."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, Group] = {}
        self._held: list[int] = []

    def hold(self, descriptor: int) -> None:
        """Keep this file open until the last group is stopped, and with it any lock on the file."""
        self._held.append(descriptor)

    def watch(self, group: Group) -> None:
        self._groups[group.pgid] = group
        self._tell(f"watch {group.pgid} {int(group.stop_signal)} {group.tier} {group.grace}")

    def forget(self, pgid: int) -> None:
        if self._groups.pop(pgid, None):
            self._tell(f"forget {pgid}")

    def close(self) -> None:
        """Let the guardian go; whatever it still watches is stopped by it first."""
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _tell(self, line: str) -> None:
        if not self._process:
            command = [sys.executable, "-I", "-S", __file__]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, text=True, start_new_session=True, cwd="/", pass_fds=self._held
            )
            atexit.register(self.close)
        assert self._process.stdin
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # Somebody killed it. The next one needs to hear of all the groups.
            self.close()
            for group in list(self._groups.values()):
                self.watch(group)


reaper = Reaper()


def main() -> None:
    # Only the end of the pipe ends the guardian, however many processes somebody signals at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, Group] = {}
    for line in sys.stdin:
        verb, pgid, *rest = line.split()
        if verb == "watch":
            stop_signal, tier, grace = rest
            groups[int(pgid)] = Group(int(pgid), int(stop_signal), int(tier), float(grace))
        else:
            groups.pop(int(pgid), None)
    stop_in_order(groups.values())


if __name__ == "__main__":
    main()
