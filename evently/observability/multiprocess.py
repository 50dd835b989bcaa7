"""Numbers of several processes that one of them can tell: each keeps its own in a file, beside the others'.

prometheus_client has such values, too, but only for who sets an environment variable before it is imported. These are
in memory until `share` is called: most processes are never asked.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

# Where the counts of processes go that have ended: sums never shrink.
ENDED = "ended"

_lock = threading.Lock()
_values: list["Value"] = []
_files: dict[str, MmapedDict] = {}
_directory: Path | None = None


class Value:
    """One number, to be added to by any thread."""

    def __init__(self, *described: Any, multiprocess_mode: str = "", **_: Any) -> None:
        kind, *names = described
        self._kind = f"{kind}_{multiprocess_mode}" if kind == "gauge" else kind
        self._key = mmap_key(*names)
        self._lock = threading.Lock()
        self._value = 0.0
        self._file: MmapedDict | None = None
        with _lock:
            _values.append(self)
            if _directory:
                self._move_to(_directory)

    def inc(self, amount: float) -> None:
        with self._lock:
            self._value += amount
            if self._file is not None:
                self._file.write_value(self._key, self._value, 0.0)

    def set(self, value: float, timestamp: float | None = None) -> None:
        del timestamp
        with self._lock:
            self._value = value
            if self._file is not None:
                self._file.write_value(self._key, value, 0.0)

    def get(self) -> float:
        return self._value

    def get_exemplar(self) -> None:
        """None are kept."""

    def _move_to(self, directory: Path) -> None:
        if self._kind not in _files:
            _files[self._kind] = _open_own(directory, self._kind)
        self._file = _files[self._kind]
        # A process before us may have had our number.
        self._value += self._file.read_value(self._key)[0] if not self._kind.startswith("gauge") else 0.0
        self._file.write_value(self._key, self._value, 0.0)

    def _start_anew(self, directory: Path) -> None:
        self._lock = threading.Lock()
        self._value = 0.0
        self._move_to(directory)


def share(directory: Path) -> None:
    """From now on this process counts where the others of this machine do."""
    global _directory  # noqa: PLW0603 - one per process
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock:
        if _directory is None:
            os.register_at_fork(after_in_child=_after_fork)
        _directory = directory
        for value in _values:
            value._move_to(directory)  # noqa: SLF001 - of this file


def _open_own(directory: Path, kind: str) -> MmapedDict:
    with _only_one(directory):
        file = MmapedDict(str(directory / f"{kind}_{os.getpid()}.db"))
        # Held until this process ends, however it does. Its number says little: it is given to others.
        fcntl.flock(file._f, fcntl.LOCK_EX)  # noqa: SLF001 - it has no name of its own for it
        return file


def is_shared() -> bool:
    return _directory is not None


class MultiprocessCollector:
    """The numbers of all processes of this machine, dead or alive, for a registry to collect."""

    def collect(self) -> Iterator[Metric]:
        assert _directory, "not shared"
        with _only_one(_directory):
            _keep_what_ended(_directory)
            yield from MultiProcessCollector(CollectorRegistry(), str(_directory)).collect()


def _after_fork() -> None:
    # What the parent has counted is in the parent's file.
    global _lock  # noqa: PLW0603 - somebody else may have held it
    _lock = threading.Lock()
    _files.clear()
    assert _directory
    for value in _values:
        value._start_anew(_directory)  # noqa: SLF001 - of this file


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """To read, or to open a file: meanwhile nobody puts two of them together."""
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep_what_ended(directory: Path) -> None:
    for path in directory.glob("*_*.db"):
        kind, _, process = path.stem.rpartition("_")
        if process == ENDED or _is_held(path):
            continue
        if not kind.startswith("gauge"):
            kept = MmapedDict(str(directory / f"{kind}_{ENDED}.db"))
            for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
            kept.close()
        path.unlink()


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
