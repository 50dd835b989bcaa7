"""The site as other processes run it: the production web server and Celery workers on the test's own database."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config import load_settings
from evently.launch.ports import free_port
from evently.launch.processes import Child, LaunchError, wait_until
from evently.launch.supervisor import Supervisor
from evently.launch.webserver import address, wait_for_answer, web_service
from tests.harness.parts import ROOT
from tests.harness.site import Site


@contextlib.contextmanager
def serving(site: Site, **variables: str) -> Iterator[str]:
    """Its address. On SQLite the worker and the beat run in the server's process, as in `make run`."""
    environ = site.process_environ(**{"PORT": str(free_port())} | variables)
    settings = load_settings(environ)
    target = ("--factory", "tests.harness.served:create_site") if settings.EMBEDDED else ("wsgi:app",)
    web = web_service(settings, *target, environ=environ, workers=1 if settings.EMBEDDED else 2, kill_after=3)
    with Supervisor() as supervisor:
        supervisor.start(web)
        wait_for_answer(web, settings)
        yield address(settings)


@contextlib.contextmanager
def working(site: Site, *options: str, **variables: str) -> Iterator[Child]:
    """A worker for every queue, started as anybody would type it; `options` are the command's. It takes tasks."""
    command = [sys.executable, "-m", "celery", "-A", "wsgi", "worker"]
    command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle", *options]
    with tempfile.NamedTemporaryFile(prefix="evently-worker-") as log:
        child = Child(command, env=site.process_environ(**variables), cwd=ROOT, output=log.file)
        try:
            wait_until(lambda: b" ready." in Path(log.name).read_bytes(), child, what="The worker", timeout=60)
            yield child
        except LaunchError as error:
            raise LaunchError(f"{error}\n{Path(log.name).read_text()}") from error
        finally:
            child.stop()
