"""Request bodies arrive in bounded time, or their request ends with 408.

granian hands on the body of a request while it arrives and has no timeout for it, so a client that sends a byte at a
time keeps a thread for as long as it likes. Here few threads wait for bodies, fewer of them for one client, and what
does not arrive in time is cut off. Behind nginx, which sends complete bodies only, none of this is noticed.
"""

import contextlib
import io
import math
import threading
import time
from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.exceptions import ClientDisconnected, RequestTimeout
from werkzeug.wsgi import get_content_length

from evently.errors import Busy
from evently.http.connections import IDLE_TOLERANCE, stop_reading
from evently.http.networks import network_of
from evently.http.proxies import PEER
from evently.http.request_threads import Application, waiting

# bytes a second; every so many of them give a body another second
MIN_RATE = 4096
# bytes that one read waits for at most
PIECE = 32 * 1024
# seconds after which a body counts as slow, and for which a request waits for one of the threads
SLOW, PATIENCE = 1.0, 0.5
# What an answered request has not read is read and thrown away, so that its client gets to read the answer: bytes, seconds.
DISCARD_BYTES, DISCARD_SECONDS = 16 * 1024 * 1024, 5.0


def init_app(app: Flask) -> None:
    readers = BodyReaders(app.config["BODY_THREADS"], timeout=app.config["REQUEST_BODY_TIMEOUT"])
    app.wsgi_app = RequestBodies(app.wsgi_app, readers)  # type: ignore[method-assign] # WSGI's way to stand in front


class RequestBodies:
    """WSGI middleware: puts a RequestBody in place of the server's own stream."""

    def __init__(self, application: Application, readers: "BodyReaders") -> None:
        self._application, self._readers = application, readers

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = get_content_length(environ)
        if not length and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._application(environ, start_response)
        body = environ["wsgi.input"] = RequestBody(environ, length, self._readers)
        try:
            return self._application(environ, start_response)
        finally:
            body.end()


class RequestBody(io.RawIOBase):
    """The body of one request. Reading raises RequestTimeout, Busy, ClientDisconnected."""

    def __init__(self, environ: dict[str, Any], length: int | None, readers: "BodyReaders") -> None:
        super().__init__()
        self._stream: Any = environ["wsgi.input"]
        self._length, self._readers, self._received = length, readers, 0
        self._is_reading = self._is_complete = self.has_timed_out = False
        # With `Expect: 100-continue` a client sends nothing that is not read.
        self._is_expected = "HTTP_EXPECT" in environ
        self.connection = int(environ["SERVER_PORT"]), environ.get(PEER) or environ.get("REMOTE_ADDR", "")
        self.client = network_of(environ.get("REMOTE_ADDR", ""))
        self.arrived = time.monotonic()
        # Of reading. Before, the request may have waited for its turn, which is not its client's fault.
        self.began = self._deadline = math.inf

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._is_complete:
            return 0
        # The turn of this request comes after it has left the readers: in a rush many wait for theirs.
        with waiting():
            piece = self._receive(len(buffer))
        if not piece and self._length and self._received < self._length:
            raise ClientDisconnected
        buffer[: len(piece)] = piece
        return len(piece)

    def _receive(self, size: int) -> bytes:
        if not self._is_reading:
            self._begin()
        piece: bytes = self._stream.read(min(size, PIECE))
        if self.has_timed_out:
            self._finish()
            raise RequestTimeout
        self._received += len(piece)
        if self._received == self._length or not piece:
            self._finish()
        return piece

    def _begin(self) -> None:
        # Whether it is read or refused: there is nothing more to read.
        self._is_complete = True
        self._readers.enter(self)
        self._is_complete, self._is_reading = False, True

    def end(self) -> None:
        """The request is answered."""
        with contextlib.suppress(RequestTimeout, Busy, ClientDisconnected):
            self._discard()
        self._finish()
        # The server closes a connection whose body is not read as soon as nothing refers to it.
        self._stream = None

    def start_clock(self, timeout: float) -> None:
        self.began = time.monotonic()
        self._deadline = self.began + timeout

    def is_late(self, now: float) -> bool:
        return now > self._deadline + self._received / MIN_RATE

    def cut_off(self, now: float) -> None:
        """The server's read ends with what has arrived, and the answer can still be sent."""
        stop_reading(*self.connection, idle_for=now - self.arrived)

    def ends_with(self, late: "RequestBody") -> bool:
        """Whether cutting off that one may end this one: a connection is known by its client and how long it was idle."""
        return self.connection == late.connection and self.arrived <= late.arrived + IDLE_TOLERANCE

    def _discard(self) -> None:
        rest = (self._length or 0) - self._received
        if self._is_complete or rest > DISCARD_BYTES or (self._is_expected and not self._received):
            return
        self._deadline = time.monotonic() + DISCARD_SECONDS
        left, buffer = DISCARD_BYTES, bytearray(PIECE)
        while left > 0 and (count := self.readinto(buffer)):
            left -= count

    def _finish(self) -> None:
        self._is_complete = True
        if self._is_reading:
            self._is_reading = False
            self._readers.leave(self)


class BodyReaders:
    """The requests of this process whose bodies are being read: so many at most, and half of them for one client."""

    def __init__(self, most: int, *, timeout: float) -> None:
        self.timeout = timeout
        self._most, self._share = most, max(1, most // 2)
        self._reading: set[RequestBody] = set()
        self._changed = threading.Condition()
        self._watch: threading.Thread | None = None

    def enter(self, body: RequestBody) -> None:
        """Raises Busy: at once if slow bodies are in the way, after a moment if there are just many."""
        with self._changed:
            is_stuck = not self._has_room(body.client, began_before=time.monotonic() - SLOW)
            if is_stuck or not self._changed.wait_for(lambda: self._has_room(body.client), PATIENCE):
                raise Busy("Too many requests are being received. Nothing was saved; try again in a moment.")
            body.start_clock(self.timeout)
            self._reading.add(body)
            if self._watch is None:
                self._watch = threading.Thread(target=self._cut_off_late_ones, name="request bodies", daemon=True)
                self._watch.start()

    def _has_room(self, client: str, began_before: float = math.inf) -> bool:
        clients = [body.client for body in self._reading if body.began < began_before]
        return len(clients) < self._most and clients.count(client) < self._share

    def leave(self, body: RequestBody) -> None:
        with self._changed:
            self._reading.discard(body)
            self._changed.notify_all()

    def _cut_off_late_ones(self) -> None:
        while True:
            time.sleep(min(1.0, self.timeout / 4))
            now = time.monotonic()
            with self._changed:
                late = [body for body in self._reading if body.is_late(now)]
                # All of them before the first is cut off.
                for body in self._reading:
                    body.has_timed_out |= any(body.ends_with(another) for another in late)
            for body in late:
                body.cut_off(now)
