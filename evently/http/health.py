"""Whether this process is alive, for load balancers and for the launcher; and whether all of the site is well."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from evently.extensions import db
from evently.http import schema_version
from evently.http.authentication import current_user_or_none
from evently.http.metrics import has_metrics_token
from evently.http.rate_limits import limit_probes
from evently.worker_heartbeats import Worker, alive_workers

# seconds for which what was found stands
READINESS_AGE = 1.0
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
@limit_probes
def ready() -> Response:
    """Whether this process can serve: 200, or 503. Looks for no session; what is wrong is for the holder of METRICS_TOKEN."""
    readiness: Readiness = current_app.extensions["readiness"]
    complaints = readiness.complaints()
    response = jsonify(status="unready" if complaints else "ready", complaints=complaints if has_metrics_token() else [])
    response.status_code = 503 if complaints else 200
    return response


def init_app(app: Flask) -> None:
    app.extensions["readiness"] = Readiness()
    app.register_blueprint(blueprint)


class Readiness:
    """What keeps this process from serving, looked up once in a second, however many ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[str] = []
        self._until = 0.0

    def complaints(self) -> list[str]:
        # While one thread looks the others wait for what it finds.
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = list(_unready())
                self._until = time.monotonic() + READINESS_AGE
            return self._found

    def forget(self) -> None:
        self._until = 0.0


def may_see_details() -> bool:
    """Whether hosts, names of workers and what exactly is wrong may be shown: to staff, and for METRICS_TOKEN."""
    if has_metrics_token():
        return True
    try:
        asker = current_user_or_none()
    except SQLAlchemyError:
        # It may be the database that is to be reported.
        return False
    return asker is not None and (asker.is_staff or asker.is_superuser)


@dataclass(frozen=True)
class Health:
    """What the site needs, as it is now; `workers` is None while the broker does not answer, `complaints` say what is wrong."""

    workers: Sequence[Worker] | None
    broker: str
    complaints: Sequence[str]


def check() -> Health:
    """Asks the database and the broker, and no worker."""
    broker_url = current_app.config["CELERY_BROKER_URL"]
    workers = alive_workers(broker_url)
    return Health(workers=workers, broker=masked(broker_url), complaints=list(_problems(workers)))


def masked(url: str) -> str:
    """An address without its user, its password and its options, any of which may be a secret."""
    return re.sub(r"//.*@", "//***@", url.partition("?")[0])


def _problems(workers: Sequence[Worker] | None) -> Iterator[str]:
    if not _has_database():
        yield "The database does not answer."
    if workers is None:
        yield "The broker does not answer."
        return
    taken = {queue for worker in workers for queue in worker.queues}
    for queue in sorted({queue.name for queue in current_app.extensions["celery"].conf.task_queues} - taken):
        yield f"No worker takes tasks from the queue {queue}."


def _unready() -> Iterator[str]:
    yield from _database_problems()
    if not _has_broker():
        yield "The broker does not answer."


def _database_problems() -> Iterator[str]:
    if not _has_database():
        yield "The database does not answer."
    elif missing := schema_version.pending_migrations():
        yield f"The database lacks {missing}: run `flask --app wsgi db upgrade`."


def _has_broker() -> bool:
    return alive_workers(current_app.config["CELERY_BROKER_URL"]) is not None


def _has_database() -> bool:
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
