"""Whether this process is alive, for load balancers and for the launcher; and whether all of the site is well."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from evently.extensions import db
from evently.heartbeats import Worker, living_workers
from evently.http import migrations

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> Response:
    """Whether this process can serve people: 200, or 503 with what is wrong. It asks for no session and counts for no limit."""
    complaints = [*_database_complaints(), *([] if _has_broker() else ["The broker does not answer."])]
    response = jsonify(status="unready" if complaints else "ready", complaints=complaints)
    response.status_code = 503 if complaints else 200
    return response


@dataclass(frozen=True)
class Health:
    """What the site needs, as it is now; `workers` is None while the broker does not answer, `complaints` say what is wrong."""

    workers: Sequence[Worker] | None
    broker: str
    complaints: Sequence[str]


def look() -> Health:
    """Asks the database and the broker, and no worker."""
    broker_url = current_app.config["CELERY_BROKER_URL"]
    workers = living_workers(broker_url)
    return Health(workers=workers, broker=masked(broker_url), complaints=list(_complaints(workers)))


def masked(url: str) -> str:
    """An address without its user, its password and its options, any of which may be a secret."""
    return re.sub(r"//.*@", "//***@", url.partition("?")[0])


def _complaints(workers: Sequence[Worker] | None) -> Iterator[str]:
    if not _has_database():
        yield "The database does not answer."
    if workers is None:
        yield "The broker does not answer."
        return
    taken = {queue for worker in workers for queue in worker.queues}
    for queue in sorted({queue.name for queue in current_app.extensions["celery"].conf.task_queues} - taken):
        yield f"No worker takes tasks from the queue {queue}."


def _database_complaints() -> Iterator[str]:
    if not _has_database():
        yield "The database does not answer."
    elif missing := migrations.missing():
        yield f"The database lacks {missing}: run `flask --app wsgi db upgrade`."


def _has_broker() -> bool:
    return living_workers(current_app.config["CELERY_BROKER_URL"]) is not None


def _has_database() -> bool:
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
