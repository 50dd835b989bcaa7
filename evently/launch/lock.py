"""One launcher per data directory: two workers on one SQLite file, or two servers on one cluster, would be one too many."""

import fcntl
import os
import time
from pathlib import Path

from evently.launch.guardian import guardian
from evently.launch.processes import LaunchError, StopRequested, say, stop_requested

# seconds; an earlier run that was killed has stopped everything by then
PATIENCE = 12.0


def take_lock(path: Path) -> None:
    """Hold this file for as long as we, or our guardian, run. Raises LaunchError when another launcher has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never closed: the lock ends with the process.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline, is_told = time.monotonic() + PATIENCE, False
    while not _is_ours(descriptor):
        if stop_requested.is_set():
            raise StopRequested
        if time.monotonic() > deadline:
            raise LaunchError(f"Evently already runs on {path.parent}. Stop it first, or name another place by EVENTLY_DATA_DIR.")
        if not is_told:
            say(f"An earlier run on {path.parent} has not ended yet; waiting for it.")
            is_told = True
        time.sleep(0.1)
    guardian.hold(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
