"""The site as processes that a test may kill and that are started again, as by `make stack`."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from config import ROOT, load_settings
from evently.launch.ports import answers, free_port
from evently.launch.supervisor import Service, Supervisor
from evently.launch.valkey import Valkey
from evently.launch.webserver import web_service
from tests.harness.site import Site

CELERY = (sys.executable, "-W", "ignore:You're running the worker with superuser privileges", "-m", "celery", "--quiet", "-A", "wsgi")


@dataclass(frozen=True)
class Web:
    """The web server with two worker processes."""

    service: Service
    port: int

    def is_up(self) -> bool:
        return answers("127.0.0.1", self.port, "/healthz")


class Parts:
    """What `make stack` starts, by the same commands, on one database and one broker."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def web(self, name: str = "web", **environ: str) -> Web:
        port = free_port()
        variables = self._environ(name, PORT=str(port), **environ)
        options = ("--respawn-failed-workers", "wsgi:app")
        return Web(web_service(load_settings(variables), *options, environ=variables, workers=2, kill_after=4), port)

    def worker(self, name: str = "worker", queues: str = "bookings", **environ: str) -> Service:
        """A worker, by default the one for bookings; it takes tasks a few seconds after it was started."""
        options = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle")
        command = [*CELERY, "worker", "-Q", queues, "-n", f"{name}@%h", *options]
        return Service(name, command, env=self._environ(name, **environ), cwd=ROOT)

    def beat(self, name: str = "beat", **environ: str) -> Service:
        schedule = f"{self._site.environ['EVENTLY_DATA_DIR']}/schedule of {name}"
        command = [*CELERY, "beat", "--schedule", schedule, "--pidfile=", "--loglevel", "WARNING"]
        return Service(name, command, env=self._environ(name, **environ), cwd=ROOT)

    def _environ(self, name: str, **more: str) -> dict[str, str]:
        # PostgreSQL shows the name beside the connections of this part.
        return {**os.environ, **self._site.process_environ(), "PGAPPNAME": name, **more}


@contextlib.contextmanager
def running(*services: Service) -> Iterator[None]:
    """These from now to the end of the block; one that ends is started again."""
    over = threading.Event()
    with Supervisor() as supervisor:
        for service in services:
            supervisor.start(service)
        thread = threading.Thread(target=supervisor.watch, kwargs={"until": over.is_set})
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def workers_waiting(valkey: Valkey) -> int:
    """How many workers wait for a message."""
    with redis.Redis.from_url(valkey.url) as client:
        return client.info("clients")["blocked_clients"]


def kill(part: Service | Valkey) -> None:
    """SIGKILL for all its processes at once."""
    assert part.child, "not started"
    os.killpg(part.child.pid, signal.SIGKILL)


@contextlib.contextmanager
def killed(valkey: Valkey) -> Iterator[None]:
    """It is dead until the end of the block, and empty afterwards."""
    kill(valkey)
    valkey.stop()
    try:
        yield
    finally:
        valkey.start()


@contextlib.contextmanager
def stopped(*parts: Service | Valkey) -> Iterator[None]:
    """They hang until the end of the block."""
    groups = [part.child.pid for part in parts if part.child]
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)
