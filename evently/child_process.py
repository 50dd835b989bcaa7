"""Calls a function in a child process that has limits: what is handed in by strangers may take too much time and memory.

The child takes bytes and gives bytes. It knows no setting of the site, and ends when its parent does.
This file is both the module of the parent and the program of the child, and imports only the standard library.
"""

import contextlib
import importlib
import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[1]
# seconds between two calls of `keep_going`
TICK = 2.0
# Of what the child wrote to stderr, for the log.
LOGGED = 1000


@dataclass(frozen=True)
class Limits:
    """Processor time and time in seconds, memory in megabytes of address space."""

    cpu_seconds: int
    seconds: float
    megabytes: int


class LimitExceeded(Exception):
    """The child took too much time or memory, and was ended."""


class Cancelled(Exception):
    """`keep_going` said no, and the child was ended."""


def call(function: str, data: bytes, *arguments: str, limits: Limits, keep_going: Callable[[], bool] = lambda: True) -> bytes:
    """What `package.module:function` makes of the data. Raises LimitExceeded, Cancelled.

    Such a function catches what its input can cause; a child that ends otherwise ran into a limit.
    """
    bounds = (str(os.getpid()), str(limits.cpu_seconds), str(limits.megabytes))
    command = [sys.executable, "-m", __name__, *bounds, function, *arguments]
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for this process, which may finish what it has begun.
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as child:
        try:
            result, errors = _communicate(child, data, time.monotonic() + limits.seconds, keep_going)
        finally:
            child.kill()
    if child.returncode != 0:
        log.warning("%s ended with %s: %s", function, child.returncode, errors[-LOGGED:].decode(errors="replace"))
        raise LimitExceeded
    return result


def _communicate(child: subprocess.Popen[bytes], data: bytes, deadline: float, keep_going: Callable[[], bool]) -> tuple[bytes, bytes]:
    given: bytes | None = data
    while True:
        try:
            return child.communicate(given, timeout=TICK)
        except subprocess.TimeoutExpired:
            # It goes on where it was.
            given = None
            if time.monotonic() > deadline:
                raise LimitExceeded from None
            if not keep_going():
                raise Cancelled from None


def _main(parent: str, cpu_seconds: str, megabytes: str, function: str, *arguments: str) -> None:
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    os.nice(10)
    # Not every system has all of them; the parent's own limit of time holds everywhere.
    for kind, limit in ((resource.RLIMIT_CPU, int(cpu_seconds)), (resource.RLIMIT_AS, int(megabytes) * 1024**2), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    module, _, name = function.partition(":")
    result = getattr(importlib.import_module(module), name)(sys.stdin.buffer.read(), *arguments)
    sys.stdout.buffer.write(result)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
