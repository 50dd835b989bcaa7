"""`/metrics` for Prometheus: what the processes of this machine counted, and how much waits in database and broker."""

import hmac
from collections.abc import Iterator, Mapping

from celery import Celery
from flask import Blueprint, Response, current_app, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from evently.bookings.queries import count_queued
from evently.circuit_breaker import call_broker
from evently.errors import NotFound
from evently.http.rate_limits import limit_probes
from evently.notifications.outbox import count_unsettled
from evently.observability import metrics, multiprocess
from evently.worker_heartbeats import alive_workers

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@limit_probes
def show() -> Response:
    """For clients that send METRICS_TOKEN; where there is none, there is nothing at this address."""
    if not current_app.config["METRICS_TOKEN"]:
        raise NotFound("There is nothing at this address.")
    if not has_metrics_token():
        return Response("Send METRICS_TOKEN in the header Authorization: Bearer <token>.\n", 401, {"WWW-Authenticate": "Bearer"})
    return Response(generate_latest(SiteCollector()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def has_metrics_token() -> bool:
    """Whether this request has METRICS_TOKEN in its header `Authorization`."""
    token: str = current_app.config["METRICS_TOKEN"]
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(sent.encode(), token.encode())


class SiteCollector:
    """All there is to tell."""

    def collect(self) -> Iterator[Metric]:
        yield from multiprocess.MultiprocessCollector().collect() if multiprocess.is_shared() else metrics.REGISTRY.collect()
        yield from _database()
        yield from _broker()


def _database() -> Iterator[Metric]:
    try:
        (bookings, age), mails = count_queued(), count_unsettled()
    except SQLAlchemyError:
        yield GaugeMetricFamily("evently_database_up", "Whether the database answers.", 0)
        return
    yield GaugeMetricFamily("evently_database_up", "Whether the database answers.", 1)
    yield GaugeMetricFamily("evently_bookings_processing", "Bookings that wait for their decision.", bookings)
    text = "Seconds for which the oldest undecided booking has waited."
    yield GaugeMetricFamily("evently_bookings_oldest_processing_seconds", text, age.total_seconds())
    yield _by("evently_mails", "Mails by state, but for those that are done with.", "state", mails)


def _broker() -> Iterator[Metric]:
    workers = alive_workers(current_app.config["CELERY_BROKER_URL"])
    lengths = None if workers is None else count_tasks()
    yield GaugeMetricFamily("evently_broker_up", "Whether the broker answers.", int(lengths is not None))
    if workers is None or lengths is None:
        return
    yield _by("evently_queue_tasks", "Tasks that wait for a worker.", "queue", lengths)
    takers = {queue: sum(queue in worker.queues for worker in workers) for queue in lengths}
    yield _by("evently_queue_workers", "Living workers that take tasks from the queue.", "queue", takers)


def count_tasks() -> dict[str, int] | None:
    """How many wait in each queue for a worker; None when the broker is away."""
    celery: Celery = current_app.extensions["celery"]
    return call_broker(lambda: _lengths(celery))


def _lengths(celery: Celery) -> dict[str, int]:
    with celery.connection_for_read() as connection:
        channel = connection.default_channel
        # What is public calls an empty queue a missing one.
        return {queue.name: channel._size(queue.name) for queue in celery.conf.task_queues}  # noqa: SLF001


def _by(name: str, text: str, label: str, numbers: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family
