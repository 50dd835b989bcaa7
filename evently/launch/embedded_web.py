"""Embedded mode: what the web server calls in its one worker process to get the site.

Migrates the database, fills in demo data the first time, and runs the Celery worker and the beat beside the site.
"""
# ruff: noqa: PLC0415 - what takes time to import is imported where a stop is heard

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from evently.launch.embedded import EmbeddedWorker

log = logging.getLogger(__name__)


def create_web() -> Flask:
    """The site on a migrated database with its demo data, its tasks running."""
    # Until the web server listens for it itself: a stop in the middle of a migration rolls it back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from config import load_settings
    from evently import create_app
    from evently.launch.embedded import EmbeddedWorker
    from evently.observability import process

    settings = load_settings()
    process.begin(settings)
    app = create_app(settings)
    _prepare(app)
    worker = EmbeddedWorker(app.extensions["celery"], threads=app.config["WORKER_CONCURRENCY"]).start()
    # After the last request, while threads may still be started.
    Finalize(None, _shut_down, args=(app, worker), exitpriority=100)
    threading.Thread(target=_end_with, args=(worker, os.getppid()), name="watch", daemon=True).start()
    return app


def _prepare(app: Flask) -> None:
    import flask_migrate

    from evently.demo import seed_demo

    with app.app_context():
        flask_migrate.upgrade()
        seed_demo()


def _shut_down(app: Flask, worker: EmbeddedWorker) -> None:
    from evently.extensions import db

    worker.stop()
    with app.app_context():
        # The last connection that is closed leaves the database in one file.
        db.engine.dispose()


def _end_with(worker: EmbeddedWorker, parent: int) -> None:
    """End this process when its parent is gone or its worker has died: half a site is none."""
    while os.getppid() == parent and worker.is_alive():
        time.sleep(0.5)
    if not worker.is_stopping:
        log.error("The web server's main process or the embedded worker is gone; stopping.")
        os.kill(os.getpid(), signal.SIGTERM)
