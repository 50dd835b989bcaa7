"""Runs image_processing.py: one process at a time on this machine, with limits on time and memory, which end with it."""

import contextlib
import fcntl
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from evently.errors import Busy

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
MODULE = "evently.events.image_processing"
# seconds; for one image, and how long the next ones wait for their turn
TIME_LIMIT, PATIENCE = 30.0, 10.0
# In this process at once, the one that is being processed included.
MAX_QUEUE = 4
TOO_COMPLEX = "This picture takes too much memory or time to process. Save it as a smaller JPEG and try again."

_queue = threading.BoundedSemaphore(MAX_QUEUE)


class RefusedImage(Exception):
    """The message says why, for the person who uploaded it."""


def process(upload: BinaryIO) -> tuple[bytes, bytes]:
    """The thumbnail and the large JPEG of an image. Raises RefusedImage, Busy."""
    if not _queue.acquire(blocking=False):
        raise _busy()
    try:
        with _machine_lock() as lock, _on_disk(upload) as descriptor:
            return _run(descriptor, lock)
    finally:
        _queue.release()


def _run(upload: int, lock: int) -> tuple[bytes, bytes]:
    command = [sys.executable, "-m", MODULE]
    # None of our variables: some are secrets, and the decoders read what strangers made. The lock is held until it has ended.
    options = {"env": {"MALLOC_ARENA_MAX": "1"}, "cwd": ROOT, "pass_fds": (lock,), "capture_output": True}
    try:
        ended = subprocess.run(command, stdin=upload, timeout=TIME_LIMIT, check=True, **options)  # type: ignore[call-overload]
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or b""
        log.warning("An image could not be processed: %s %s", error, said.decode(errors="replace")[-300:])
        raise RefusedImage(TOO_COMPLEX) from error
    head, _, files = ended.stdout.partition(b"\n")
    result = json.loads(head)
    if "refused" in result:
        raise RefusedImage(result["refused"])
    thumbnail = result["sizes"][0]
    return files[:thumbnail], files[thumbnail:]


@contextlib.contextmanager
def _machine_lock() -> Iterator[int]:
    """Held by one process of this machine, or of this container. Raises Busy after a while."""
    # This file is the same one for all of them, and needs no directory that may be written to.
    descriptor, deadline = os.open(__file__, os.O_RDONLY), time.monotonic() + PATIENCE
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise _busy()
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _on_disk(upload: BinaryIO) -> Iterator[int]:
    """The upload as a descriptor that another process can read from its beginning; a large one is a file already."""
    try:
        descriptor = upload.fileno()
    except io.UnsupportedOperation:
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(upload, file)
            file.flush()
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            yield file.fileno()
    else:
        upload.flush()
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor


def _busy() -> Busy:
    return Busy("Other pictures are being processed. Nothing is lost: choose the picture again and save in a moment.")
