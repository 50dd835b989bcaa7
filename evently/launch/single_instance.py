"""One launcher per data directory: two workers on one SQLite file, or two servers on one cluster, would be one too many.

Two locks tell a launcher that runs from what a dead one left: `lock` is held until the last of its processes is
stopped, by the guardian too; `launcher` by the launcher alone, until it begins to stop.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from evently.launch.processes import LaunchError, StopRequested, log, stop_requested
from evently.launch.reaper import reaper

# seconds; an earlier run that was killed has stopped everything by then
PATIENCE = 12.0


@contextlib.contextmanager
def single_instance(directory: Path, shape: str) -> Iterator[None]:
    """Nobody else launches this shape there until we, and our guardian, have ended.

    Raises LaunchError: at once while another launcher runs, after a while when one that ended leaves something behind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    everything, launcher = (_open(directory / f"{shape}.{name}") for name in ("lock", "launcher"))
    try:
        _take(everything, launcher, directory)
        # Never closed: this lock ends with the process, or with its guardian.
        reaper.hold(everything)
        yield
    finally:
        os.close(launcher)


def _take(everything: int, launcher: int, directory: Path) -> None:
    deadline, is_told = time.monotonic() + PATIENCE, False
    while not _lock(everything, fcntl.LOCK_EX):
        if stop_requested.is_set():
            raise StopRequested
        if not _lock(launcher, fcntl.LOCK_SH) or time.monotonic() > deadline:
            raise LaunchError(f"Evently already runs on {directory}. Stop it first, or name another place by EVENTLY_DATA_DIR.")
        fcntl.flock(launcher, fcntl.LOCK_UN)
        if not is_told:
            log(f"An earlier run on {directory} has not ended yet; waiting for it.")
            is_told = True
        time.sleep(0.1)
    # Others who wait have it for a moment at most.
    fcntl.flock(launcher, fcntl.LOCK_EX)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _lock(descriptor: int, kind: int) -> bool:
    """Whether we have it now."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
