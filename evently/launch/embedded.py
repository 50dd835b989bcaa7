"""Embedded mode: the Celery worker and the beat in threads of the web process.

They are the real ones; only the broker is in memory, which is why they live in the process that publishes to it.
"""

import threading
import time
from typing import Self

from celery import Celery
from celery.beat import Scheduler, Service
from celery.worker import WorkController
from celery.worker import state as worker_state
from celery.worker.consumer import Consumer


class EmbeddedWorker:
    """The Celery worker and the beat of one application, in daemon threads of this process.

    with EmbeddedWorker(app.extensions["celery"]):
        ...

    One at a time in a process: Celery's own stop flag is the module's. It has two threads at least, since a mail
    server that hangs holds one.
    """

    def __init__(self, celery: Celery, *, threads: int = 4, beat: bool = True) -> None:
        self.is_stopping = False
        self._ready = threading.Event()
        self._worker = WorkController(
            app=celery,
            pool="threads",
            concurrency=max(2, threads),
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
