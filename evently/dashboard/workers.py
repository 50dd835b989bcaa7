"""Whether the machinery keeps up: what waits where, and who works."""

from flask import Response, current_app

from evently.bookings.queries import count_queued
from evently.dashboard import blueprint
from evently.dashboard.admin import PREFIX
from evently.http.htmx import render
from evently.http.metrics import count_tasks
from evently.notifications.outbox import count_unsettled
from evently.worker_heartbeats import alive_workers

# What each queue is for.
QUEUES = {"bookings": "Decides about bookings", "mail": "Sends mail", "default": "Everything else"}


@blueprint.get(f"{PREFIX}/workers")
def workers() -> Response:
    found = alive_workers(current_app.config["CELERY_BROKER_URL"])
    bookings, age = count_queued()
    return render(
        "dashboard/admin/workers.html",
        "dashboard/admin/_workers.html",
        workers=found,
        takers={queue: [worker.name for worker in found or () if queue in worker.queues] for queue in QUEUES},
        tasks=count_tasks(),
        queues=QUEUES,
        bookings=bookings,
        age=age,
        mails=count_unsettled(),
    )
