"""Several callers at the same moment, and waiting for what must become true."""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import Flask

from evently.errors import DomainError
from tests.harness.site import fresh

Result = TypeVar("Result")


def at_once(app: Flask, calls: Sequence[Callable[[], Result]]) -> list[Result | DomainError]:
    """Run these, each in a thread and an application context of its own, from one moment on; results in their order."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | DomainError:
        with app.app_context():
            start.wait(timeout=30)
            try:
                return call()
            except DomainError as error:
                return error

    with ThreadPoolExecutor(len(calls)) as pool:
        # A context for each: a new thread has an empty one, and the pool may give one thread two calls.
        futures = [pool.submit(contextvars.Context().run, run, call) for call in calls]
        results = [future.result(timeout=60) for future in futures]
    fresh()
    return results


def wait_until(is_so: Callable[[], bool], *, what: str, timeout: float = 30.0) -> None:
    """Return as soon as it is so; fail, saying what did not happen, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout:g} s"
        time.sleep(0.02)
