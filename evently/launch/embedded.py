"""Embedded mode: the web process that also migrates, fills in demo data, and runs the worker and the beat in threads.

`create_web` is what the web server calls in its one worker process. The Celery worker and the beat are the real ones;
only the broker is in memory, which is why they live in this process.
"""

import logging
import os
import signal
import sys
import threading
import time
from multiprocessing.util import Finalize
from typing import Self

from celery import Celery
from celery.beat import Scheduler, Service
from celery.worker import WorkController
from celery.worker import state as worker_state
from celery.worker.consumer import Consumer
from flask import Flask

from evently import create_app

log = logging.getLogger(__name__)


def create_web() -> Flask:
    """The site on a migrated database with its demo data, its tasks running."""
    # Until the web server listens to it itself: a stop in the middle of a migration rolls it back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = create_app()
    _prepare(app)
    worker = EmbeddedWorker(app.extensions["celery"], threads=app.config["WORKER_THREADS"]).start()
    # After the last request, while threads may still be started: the worker finishes what it has begun.
    Finalize(None, worker.stop, exitpriority=100)
    threading.Thread(target=_end_with, args=(worker, os.getppid()), name="watch", daemon=True).start()
    return app


def _prepare(app: Flask) -> None:
    import flask_migrate  # noqa: PLC0415 - together 0.2 s that a test of the worker does not need

    from evently.demo import seed_demo  # noqa: PLC0415

    with app.app_context():
        flask_migrate.upgrade()
        seed_demo()


def _end_with(worker: "EmbeddedWorker", parent: int) -> None:
    """End this process when its parent is gone or its worker has died: half a site is none."""
    while os.getppid() == parent and worker.is_alive():
        time.sleep(0.5)
    if not worker.is_stopping:
        log.error("The web server's main process or the embedded worker is gone; stopping.")
        os.kill(os.getpid(), signal.SIGTERM)


class EmbeddedWorker:
    """The Celery worker and the beat of one application, in daemon threads of this process.

    with EmbeddedWorker(app.extensions["celery"]):
        ...

    One at a time in a process: Celery's own stop flag is the module's.
    """

    def __init__(self, celery: Celery, *, threads: int = 4, beat: bool = True) -> None:
        self.is_stopping = False
        self._ready = threading.Event()
        self._worker = WorkController(
            app=celery,
            pool="threads",
            concurrency=threads,
            hostname="embedded@localhost",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            ready_callback=self._on_ready,
        )
        self._threads = [threading.Thread(target=self._worker.start, name="worker", daemon=True)]
        self._beat = Service(celery, max_interval=0.5, scheduler_cls=Scheduler) if beat else None
        if self._beat:
            self._threads.append(threading.Thread(target=self._beat.start, name="beat", daemon=True))

    def start(self) -> Self:
        """Returns when the worker takes tasks."""
        # The threads of the pool look tasks up in the default application, whichever that is.
        self._worker.app.set_default()
        for thread in self._threads:
            thread.start()
        if not self._ready.wait(timeout=15):
            raise RuntimeError("The embedded worker did not start within 15 seconds.")
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """Take no more tasks, finish those that were begun, for `timeout` seconds at most."""
        self.is_stopping = True
        if self._beat:
            self._beat.stop()
        # Its own thread reads this between two looks at the queue.
        worker_state.should_stop = 0
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        worker_state.should_stop = None

    def _on_ready(self, consumer: Consumer) -> None:
        # Celery reads its stop flag once per look at the queue, and each lasts two seconds; shorter ones end sooner.
        drain_events = consumer.connection.drain_events
        consumer.connection.drain_events = lambda timeout: drain_events(timeout=min(timeout, 0.1))
        self._ready.set()

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
