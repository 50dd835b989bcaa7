"""Embedded mode: what the web server calls in its one worker process to get the site.

Migrates the database, fills in demo data the first time, names its passwords, and runs the Celery worker and the beat beside it.
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
ACCOUNTS = """
  Demo accounts, all with the password evently-demo:
    admin       superuser
    organizer   manages events
    attendee    books tickets"""


def create_web() -> Flask:
    """The site on a migrated database with its demo data, its tasks running."""
    # Until the web server listens for it itself: a stop in the middle of a migration rolls it back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from config import load_settings
    from evently import create_app
    from evently.launch.embedded import EmbeddedWorker
    from evently.observability import process_setup

    settings = load_settings()
    process_setup.configure(settings)
    app = create_app(settings)
    _prepare(app)
    worker = EmbeddedWorker(app.extensions["celery"], threads=app.config["WORKER_CONCURRENCY"]).start()
    # After the last request, while threads may still be started.
    Finalize(None, _shut_down, args=(app, worker), exitpriority=100)
    threading.Thread(target=_end_with, args=(worker, os.getppid()), name="watch", daemon=True).start()
    return app


def _prepare(app: Flask) -> None:
    import flask_migrate

    from evently.config_checks import public_demo_problem
    from evently.demo import passwords, seed_demo
    from evently.launch.processes import log

    config = app.config
    with app.app_context():
        flask_migrate.upgrade()
        published = config["DEMO_DATA"] or passwords.are_published()
        if problem := public_demo_problem(config, has_published_password=published):
            sys.exit(f"Evently cannot run: {problem}")
        if config["DEMO_DATA"]:
            seed_demo()
        if config["PUBLIC_DEMO"]:
            log(passwords.notice(passwords.replace_published()))
        elif passwords.are_published():
            log(ACCOUNTS)


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
