"""Extends the leases of requests that take long. When a process dies its leases expire soon, and a retry can take over."""

import logging
import threading
import time
import uuid

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from evently.idempotency import services

log = logging.getLogger(__name__)
# Seconds between two extensions. A request that ends before the first one costs no statement.
INTERVAL = 2.0


class Heartbeat:
    """One thread in this process, which sleeps while no request with a key is in progress."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._is_needed = threading.Event()
        self._claims: dict[uuid.UUID, float] = {}
        self._thread: threading.Thread | None = None

    def begin(self, claim_id: uuid.UUID) -> None:
        with self._lock:
            self._claims[claim_id] = time.monotonic()
            self._is_needed.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="idempotency leases", daemon=True)
                self._thread.start()

    def end(self, claim_id: uuid.UUID) -> None:
        with self._lock:
            self._claims.pop(claim_id, None)
            if not self._claims:
                self._is_needed.clear()

    def _run(self) -> None:
        while True:
            self._is_needed.wait()
            time.sleep(INTERVAL)
            due = time.monotonic() - INTERVAL / 2
            with self._lock:
                long_ones = [claim_id for claim_id, began in self._claims.items() if began < due]
            if long_ones:
                self._extend(long_ones)

    def _extend(self, claim_ids: list[uuid.UUID]) -> None:
        try:
            with self._app.app_context():
                services.extend(claim_ids)
        except SQLAlchemyError as error:
            # A retry may take over then; it finds what this request has committed.
            log.warning("Leases of requests could not be extended: %s", type(error).__name__)
