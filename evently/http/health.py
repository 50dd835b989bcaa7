"""Whether this process is alive, for load balancers and for the launcher; and whether all of the site is well."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from evently.extensions import db
from evently.heartbeats import Worker, living_workers

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


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


def _has_database() -> bool:
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
