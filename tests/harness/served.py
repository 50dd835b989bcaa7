"""What a live test server in embedded mode serves: the site and its worker in one process, without demo data."""

from multiprocessing.util import Finalize

from flask import Flask

from evently import create_app
from evently.launch.embedded import EmbeddedWorker


def create_site() -> Flask:
    app = create_app()
    worker = EmbeddedWorker(app.extensions["celery"], threads=app.config["WORKER_CONCURRENCY"]).start()
    Finalize(None, worker.stop, exitpriority=100)
    return app
