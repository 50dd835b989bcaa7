"""Celery: queues, routing and the beat schedule. Tasks run inside the Flask application's context.

`celery -A wsgi worker` and `celery -A wsgi beat` use the application made here; embedded mode runs both in threads.
"""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery, Task
from celery.schedules import schedule
from celery.signals import worker_process_init
from flask import Flask
from kombu.entity import Queue

from evently.broker import ask_broker
from evently.extensions import db

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def init_app(app: Flask) -> Celery:
    """Make the Celery application of this Flask application and keep it as `app.extensions["celery"]`."""

    class ContextTask(Task):  # type: ignore[misc] # celery has no types
        """A task that finds `current_app`, and the database, where it expects them."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery = Celery(app.name, task_cls=ContextTask, set_as_current=True)
    celery.config_from_object(_configuration(app.config))
    celery.set_default()
    app.extensions["celery"] = celery
    worker_process_init.connect(lambda **_: _drop_inherited_connections(app), weak=False)
    return celery


def publish(task: Task, *, args: Sequence[Any] = (), task_id: str | None = None, countdown: float | None = None) -> bool:
    """Send a task, to be run in `countdown` seconds; False when the broker is away.

    Tasks are wake-ups for work that is written down already, so a caller may go on when this says False.
    """
    return ask_broker(lambda: task.apply_async(args=list(args), task_id=task_id, countdown=countdown, retry=False)) is not None


def _configuration(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "broker_url": config["CELERY_BROKER_URL"],
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_consumer": "evently.consumer:Consumer",
        "broker_transport_options": _transport_options(config["CELERY_BROKER_URL"]),
        "imports": ("evently.bookings.tasks", "evently.notifications.tasks", "evently.idempotency.tasks"),
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "default",
        "task_queues": [Queue(name) for name in ("bookings", "mail", "default")],  # type: ignore[no-untyped-call]
        "task_routes": {"bookings.*": {"queue": "bookings"}, "notifications.*": {"queue": "mail"}},
        # A task only wakes somebody up; the work itself is a row. So a lost task costs one sweep and no data.
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        "worker_redirect_stdouts": False,
        "worker_hijack_root_logger": False,
        # What is due is known from when the beat started, so it needs no file.
        "beat_scheduler": "celery.beat:Scheduler",
        # No task expires: the moment would be of one machine's clock and be compared with another's.
        "beat_schedule": {
            "sweep-bookings": {"task": "bookings.sweep", "schedule": _every(config["SWEEP_SECONDS"])},
            "sweep-mails": {"task": "notifications.deliver", "schedule": _every(config["SWEEP_SECONDS"])},
            "forget-idempotency-keys": {"task": "idempotency.forget_old", "schedule": _every(3600)},
        },
    }


def _every(seconds: float) -> schedule:
    """By a clock that nobody can set: with the wall's, set back by an hour, the sweep would pause for that hour."""
    started = time.monotonic()
    return schedule(dt.timedelta(seconds=seconds), nowfun=lambda: EPOCH + dt.timedelta(seconds=time.monotonic() - started))


def _transport_options(broker_url: str) -> dict[str, Any]:
    if broker_url.startswith("memory"):
        # Seconds between two looks at the queue; the default of one second starves a pool of threads.
        return {"polling_interval": 0.02}
    # Seconds, and one try: a buyer must not wait for a broker that is away. Unacknowledged tasks come back in time.
    return {"socket_connect_timeout": 0.5, "visibility_timeout": 60, "socket_timeout": 2.0, "max_retries": 0}


def _drop_inherited_connections(app: Flask) -> None:
    # A forked worker must not talk over its parent's database connections.
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
