"""Clients that send a body slowly, or never to its end, on a server without a proxy in front of it."""

import contextlib
import os
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Settings
from evently.events.image_worker import MAX_QUEUE
from evently.http.request_bodies import MIN_RATE
from tests.abuse.wire import Caller, status_of, wait_for, web_processes
from tests.deploy.test_nginx import NAME, ask, https
from tests.harness.live import serving
from tests.harness.parts import ROOT
from tests.harness.site import Site, on_sqlite

pytestmark = on_sqlite
__all__ = ["https"]
# More than a web process has threads for bodies.
MANY = 20
FORM = "application/x-www-form-urlencoded"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def impatient(site: Site) -> Iterator[Caller]:
    """A site that waits two seconds for a body."""
    with serving(site, REQUEST_BODY_TIMEOUT="2", RATELIMIT_ENABLED="false") as address:
        yield Caller(address)


@pytest.fixture(scope="module")
def patient(site: Site) -> Iterator[Caller]:
    """A site that waits for a body longer than a test takes."""
    with serving(site, REQUEST_BODY_TIMEOUT="60", RATELIMIT_ENABLED="false") as address:
        yield Caller(address)


def test_their_clients_are_told_that_it_took_too_long(impatient: Caller):
    with impatient.unfinished("/login") as silent, impatient.unfinished("/login") as trickling:
        stop = threading.Event()
        dripping = threading.Thread(target=_drip, args=(trickling, stop))
        dripping.start()
        try:
            assert [status_of(silent), status_of(trickling)] == [408, 408]
        finally:
            stop.set()
            dripping.join()


def _drip(connection: socket.socket, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not stop.wait(0.1):
            connection.sendall(b"a")


def test_others_are_served_while_bodies_are_awaited(patient: Caller):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(patient.unfinished("/login", source=f"127.0.0.{2 + n}")) for n in range(MANY)]
        # As many wait as there are threads for it, and the others are refused.
        wait_for(lambda: len(_answered(slow)) == MANY - Settings.BODY_THREADS)
        assert {status_of(connection) for connection in _answered(slow)} == {503}
        for path in ("/healthz", "/", "/login"):
            answer = patient.ask("GET", path)
            assert (answer.status, answer.seconds < 1) == (200, True)


def test_one_client_leaves_threads_for_the_bodies_of_others(patient: Caller):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(patient.unfinished("/login")) for _ in range(Settings.BODY_THREADS // 2)]
        slow += [stack.enter_context(patient.unfinished("/login")) for _ in range(MANY)]
        wait_for(lambda: len(_answered(slow)) == MANY)
        assert patient.ask("POST", "/api/user/auth/login/", "{}", source="127.0.0.2", **JSON).status == 422


def test_what_is_not_waited_for_any_more_makes_room(impatient: Caller):
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(impatient.unfinished("/login", source=f"127.0.0.{2 + n}")) for n in range(MANY)]
            assert {status_of(connection) for connection in slow} == {408, 503}
    assert impatient.ask("POST", "/api/user/auth/login/", "{}", **JSON).status == 422


def test_a_body_that_goes_on_arriving_is_not_cut_off(impatient: Caller):
    with impatient.unfinished("/login", b"", length=20 * MIN_RATE) as connection:
        for _ in range(20):
            connection.sendall(bytes(MIN_RATE))
            time.sleep(0.15)
        assert status_of(connection) == 400


def _answered(connections: list[socket.socket]) -> list[socket.socket]:
    return select.select(connections, [], [], 0)[0]


def test_every_way_to_start_a_web_server_gives_it_those_threads(impatient: Caller):
    [process] = web_processes(impatient.site)
    assert f"--blocking-threads {Settings.WEB_THREADS} " in " ".join(process.parent().cmdline())
    assert f"--blocking-threads {Settings.WEB_THREADS} " in (ROOT / "deploy/systemd/evently-web@.service").read_text()
    assert f"GRANIAN_BLOCKING_THREADS={Settings.WEB_THREADS} " in (ROOT / "Dockerfile").read_text()
    assert Settings.REQUEST_THREADS + Settings.BODY_THREADS + MAX_QUEUE <= Settings.WEB_THREADS


@contextlib.contextmanager
def unfinished_by_https(port: int, length: int = 1000) -> Iterator[socket.socket]:
    """As Caller.unfinished, to nginx."""
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, context.wrap_socket(plain, server_hostname=NAME) as connection:
        head = f"POST /login HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {length}\r\nContent-Type: {FORM}\r\n\r\n"
        connection.sendall(head.encode() + b"a=")
        yield connection


def _is_answered(connection: socket.socket) -> bool:
    """By HTTP: what a TLS server sends by itself is not an answer."""
    connection.settimeout(0)
    try:
        return connection.recv(1) is not None
    except ssl.SSLWantReadError:
        return False
    finally:
        connection.settimeout(30)


def test_behind_nginx_the_site_hears_of_complete_requests_only(https: tuple[int, int]):
    _, port = https
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(unfinished_by_https(port)) for _ in range(5 * MANY)]
        for n in range(10):
            for connection in slow:
                connection.sendall(b"a")
            status, _, _ = ask(port, "/healthz" if n else "/login")
            assert status == 200
        # None was refused for want of threads, as it would be if the site waited for one of them.
        assert not any(map(_is_answered, slow))
        slow[0].sendall(b"a" * 988)
        assert status_of(slow[0]) == 400


def test_nginx_gives_up_on_a_client_that_sends_nothing(https: tuple[int, int], tmp_path: Path):
    """Fifteen seconds with the files as they are, one here."""
    _, port = https
    written = (tmp_path / "evently.conf").read_text()
    assert "client_body_timeout 15s" in written
    (tmp_path / "evently.conf").write_text(written.replace("client_body_timeout 15s", "client_body_timeout 1s"))
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGHUP)
    # The new workers serve from some moment on; the old ones wait for longer than this test.
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with unfinished_by_https(port) as connection:
            connection.settimeout(2)
            with contextlib.suppress(TimeoutError):
                assert status_of(connection) in {0, 408}
                return
    pytest.fail("nginx waits for ever")
