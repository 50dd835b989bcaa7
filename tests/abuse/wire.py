"""What a browser never sends: requests byte by byte, over sockets, to a server that runs; and how much memory it takes."""

import contextlib
import http.client
import io
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from evently.accounts.models import User
from tests.factories import log_in
from tests.harness.visitor import Visitor


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    seconds: float


@dataclass
class Caller:
    """Talks to the site at this address, as whoever these headers stand for."""

    site: str
    headers: dict[str, str] = field(default_factory=dict)
    csrf_token: str = ""

    def connect(self, source: str = "") -> http.client.HTTPConnection:
        """`source` is an address of this machine to come from, such as 127.0.0.2."""
        parts = urlsplit(self.site)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30, source_address=(source, 0) if source else None)

    def ask(self, method: str, path: str, body: Any = None, *, source: str = "", **headers: str) -> Answer:
        began, connection = time.perf_counter(), self.connect(source)
        with contextlib.closing(connection):
            # A refusal may come, and the connection be closed, before all is sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, {**self.headers, **headers}, encode_chunked="Transfer-Encoding" in headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        return Answer(response.status, dict(response.headers), text, time.perf_counter() - began)

    def upload(self, path: str, **fields: Any) -> Answer:
        """A form with files, which are (bytes, name)."""
        data = {name: FileStorage(io.BytesIO(value[0]), value[1]) if isinstance(value, tuple) else value for name, value in fields.items()}
        boundary, body = encode_multipart({"csrf_token": self.csrf_token, **data})
        return self.ask("POST", path, body, **{"Content-Type": f"multipart/form-data; boundary={boundary}"})

    @contextlib.contextmanager
    def unfinished(self, path: str, start: bytes = b"a=", *, length: int = 1000, source: str = "") -> Iterator[socket.socket]:
        """A POST whose body has begun, and goes on by what the test sends."""
        parts = urlsplit(self.site)
        address = (parts.hostname or "", parts.port or 80)
        with socket.create_connection(address, timeout=30, source_address=(source, 0) if source else None) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {length}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            connection.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + start)
            yield connection


def signed_in(app: Flask, site: str, user: User) -> Caller:
    client = log_in(app.test_client(), user)
    token = Visitor(client).token("/dashboard/events/new")
    cookie = client.get_cookie("session")
    assert cookie
    return Caller(site, {"Cookie": f"session={cookie.value}"}, token)


def status_of(connection: socket.socket) -> int:
    """Of the answer that comes on this connection; 0 where it is closed without one."""
    with contextlib.suppress(ConnectionResetError):
        if found := re.match(rb"HTTP/1.1 (\d+)", connection.recv(65536)):
            return int(found[1])
    return 0


def web_processes(site: str) -> list[psutil.Process]:
    """Those that serve the site at this address, without the one that starts them."""
    port = f"--port {urlsplit(site).port} "
    [main] = [child for child in psutil.Process().children() if port in f"{' '.join(child.cmdline())} "]
    return [child for child in main.children() if "resource_tracker" not in " ".join(child.cmdline())]


def forget_peak(process: psutil.Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak_memory(process: psutil.Process) -> float:
    """MB that the process itself, without its children, has taken at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
