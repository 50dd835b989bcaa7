"""The launcher as a process of its own, and a look at all processes that came of it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from evently.launch.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MARK = "EVENTLY_TEST_LAUNCH"
# The first start of a slow machine imports everything from cold files.
PATIENCE_SECONDS = 120.0


class Launched:
    """A launcher in a process group of its own. `port` and `data_dir` may be given to start where another one was."""

    def __init__(self, shape: str, data_dir: Path, *, port: int | None = None, through: str = "", **environ: str) -> None:
        """`through` is a shell command line that stands between us and the launcher, which is its "$@"."""
        self.port = port or free_port()
        self.mark = uuid.uuid4().hex
        self.output_file = data_dir.parent / f"output-{self.mark}"
        command = [sys.executable, "-m", "evently.launch", shape]
        if through:
            command = ["sh", "-c", through, "sh", *command]
        self._started = time.monotonic()
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment() | {"PORT": str(self.port), "EVENTLY_DATA_DIR": str(data_dir), MARK: self.mark} | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.output_file.read_text(errors="replace")

    def wait_until_up(self) -> float:
        """The seconds from the start until it announced its address."""
        until(lambda: "Evently runs at" in self.output or self.process.poll() is not None, PATIENCE_SECONDS, self)
        assert self.process.poll() is None, self.output
        return time.monotonic() - self._started

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.read().decode()

    def answers(self) -> bool:
        try:
            return bool(self.get("/healthz"))
        except OSError:
            return False

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Those that run and inherited our mark, whoever their parent is by now; only those whose command has `name`."""
        return [process for process in psutil.process_iter() if self._is_ours(process) and re.search(name, _command(process))]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def wait_until_gone(self, seconds: float) -> float:
        """The seconds until no process of it was left, at most so many."""
        started = time.monotonic()
        until(lambda: self.process.poll() is not None and not self.processes(), seconds, self)
        return time.monotonic() - started

    def kill(self) -> None:
        """Whatever a failed test has left."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()

    def signal_group(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)


def until(condition: Callable[[], bool], seconds: float, launched: Launched) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            left = [_command(process) for process in launched.processes()]
            pytest.fail(f"not within {seconds:g} seconds; running: {left}; output:\n{launched.output}")
        time.sleep(0.1)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _environment() -> dict[str, str]:
    """Ours without what configures a site; empty, so that a developer's `.env` does not fill it in."""
    settings = ("DATABASE_URL", "DB_NAME", "DB_HOST", "DB_USER", "REDIS_URL", "SECRET_KEY", "HOST", "SITE_URL", "EMAIL_HOST")
    return {**os.environ, **dict.fromkeys(settings, "")}
