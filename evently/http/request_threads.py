"""How the threads of a web process are shared out, so that those that wait for something slow do not stop the site.

The web server has WEB_THREADS of them. REQUEST_THREADS run requests: more would take turns at one interpreter and be
slower. The others are for requests that wait for their body (`request_bodies.py`) or for another process.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_current = threading.local()


def init_app(app: Flask) -> None:
    app.wsgi_app = RequestThreads(app.wsgi_app, app.config["REQUEST_THREADS"])  # type: ignore[method-assign] # WSGI's way to stand in front


class RequestThreads:
    """WSGI middleware: runs so many requests at once, the next ones wait."""

    def __init__(self, application: Application, number: int) -> None:
        self._application = application
        # A queue in C: a semaphore of Python's takes ten times as long.
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(number):
            self._permits.put(None)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self._permits.get()
        _current.permits = self._permits
        try:
            return self._application(environ, start_response)
        finally:
            _current.permits = None
            self._permits.put(None)


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Let another request run in the meantime. For blocks that wait and compute nothing; the caller bounds how many."""
    permits: queue.SimpleQueue[None] | None = getattr(_current, "permits", None)
    if permits is None:
        yield
        return
    _current.permits = None
    permits.put(None)
    try:
        yield
    finally:
        permits.get()
        _current.permits = permits
