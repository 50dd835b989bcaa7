"""Celery: queues, routing and the beat schedule. Tasks run inside the Flask application's context.

`celery -A wsgi worker` and `celery -A wsgi beat` use the application made here; embedded mode runs both in threads.
"""

import datetime as dt
import functools
import time
from collections.abc import Sequence
from typing import Any

from celery import Celery, Task
from celery.schedules import schedule
from celery.signals import celeryd_init, worker_process_init
from flask import Flask
from kombu.entity import Queue
from sqlalchemy.exc import DBAPIError

from evently import transports
from evently.circuit_breaker import call_broker
from evently.extensions import db
from evently.observability import context, tasks

# The first comes first, where one worker has them all.
QUEUES = ("bookings", "mail", "default")
ROUTES = {"bookings.*": {"queue": "bookings"}, "notifications.*": {"queue": "mail"}}
# For tasks that nobody sends again soon: after up to 1, 2, 4, 5 and 5 seconds, drawn by lot.
RETRIES = {"autoretry_for": (DBAPIError,), "max_retries": 5, "retry_backoff": True, "retry_backoff_max": 5, "retry_jitter": True}
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def init_app(app: Flask) -> Celery:
    """Make the Celery application of this Flask application and keep it as `app.extensions["celery"]`."""

    class ContextTask(Task):  # type: ignore[misc] # celery has no types
        """A task that finds `current_app`, and the database, where it expects them."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context(), tasks.measured(self):
                return self.run(*args, **kwargs)

    transports.register()
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
    headers = {"request_id": context.request_id()}
    return call_broker(lambda: task.apply_async(list(args), task_id=task_id, countdown=countdown, headers=headers, retry=False)) is not None


def _configuration(config: dict[str, Any]) -> dict[str, Any]:
    return {
        **_broker(config["CELERY_BROKER_URL"]),
        **_messages(config),
        **_work(config),
        "imports": tuple(f"evently.{domain}.tasks" for domain in ("accounts", "bookings", "events", "idempotency", "notifications")),
        # What is due is known from when the beat started, so it needs no file.
        "beat_scheduler": "evently.beat_scheduler:Scheduler",
        # No task expires: the moment would be of one machine's clock and be compared with another's.
        "beat_schedule": {
            "sweep-bookings": {"task": "bookings.sweep", "schedule": _every(config["SWEEP_SECONDS"])},
            "sweep-bulk-actions": {"task": "attendees.sweep", "schedule": _every(60)},
            "sweep-mails": {"task": "notifications.deliver", "schedule": _every(config["SWEEP_SECONDS"])},
            "tell-waiting": {"task": "notifications.tell_waiting", "schedule": _every(2 * config["SWEEP_SECONDS"])},
            "remind": {"task": "notifications.remind", "schedule": _every(600)},
            "sweep-uploads": {"task": "events.sweep_uploads", "schedule": _every(config["SWEEP_SECONDS"])},
            "render-descriptions": {"task": "events.render_descriptions", "schedule": _every(60)},
            "forget-leftovers": {"task": "events.forget_leftovers", "schedule": _every(3600)},
            "forget-idempotency-keys": {"task": "idempotency.forget_old", "schedule": _every(3600)},
            "forget-old-sessions": {"task": "accounts.forget_old_sessions", "schedule": _every(3600)},
            "delete-old-mail-counters": {"task": "notifications.delete_old_counters", "schedule": _every(3600)},
            "forget-the-gone": {"task": "notifications.forget_the_gone", "schedule": _every(600)},
        },
    }


def _broker(url: str) -> dict[str, Any]:
    return {
        "broker_url": url,
        "broker_transport_options": _transport_options(url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_consumer": "evently.celery_consumer:ReconnectingConsumer",
        # Nothing of the site uses it, and it would let every client of the broker stop a worker.
        "worker_enable_remote_control": False,
    }


def _messages(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "task_queues": [Queue(name) for name in QUEUES],
        "task_default_queue": QUEUES[-1],
        "task_routes": ROUTES,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        # What a task did is in the database. One that says otherwise (`ignore_result=False`) is heard for an hour.
        "task_ignore_result": True,
        "result_backend": config["REDIS_URL"],
        "result_expires": 3600,
    }


def _work(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "worker_pool": config["WORKER_POOL"],
        "worker_concurrency": config["WORKER_CONCURRENCY"],
        "worker_prefetch_multiplier": 1,
        "worker_redirect_stdouts": False,
        "worker_hijack_root_logger": False,
        # A task only wakes somebody up; the work itself is a row. So each may be done twice, and a lost one costs a sweep.
        "task_acks_late": True,
        # Only prefork can end a task. In threads nothing takes that long: allocators work in turns, mails have time-outs.
        "task_time_limit": config["TASK_TIME_LIMIT"],
        "task_soft_time_limit": 0.9 * config["TASK_TIME_LIMIT"],
    }


def _every(seconds: float) -> schedule:
    """By a clock that nobody can set: with the wall's, set back by an hour, the sweep would pause for that hour."""
    started = time.monotonic()
    return schedule(dt.timedelta(seconds=seconds), nowfun=lambda: EPOCH + dt.timedelta(seconds=time.monotonic() - started))


def _transport_options(broker_url: str) -> dict[str, Any]:
    if broker_url.startswith("memory"):
        # Seconds between two looks at the queue; the default of one second starves a pool of threads.
        return {"polling_interval": 0.02}
    return {
        # Seconds, and one try: a buyer must not wait for a broker that is away.
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
        "max_retries": 0,
        # Seconds; unacknowledged tasks come back in time.
        "visibility_timeout": 60,
        "queue_order_strategy": "priority",
    }


@celeryd_init.connect  # type: ignore[untyped-decorator] # celery has no types
def _prepare_worker(conf: Any, **_: Any) -> None:
    # Nobody waits for a worker's answer, and losing its connection costs it more than two seconds.
    conf.broker_transport_options = {**conf.broker_transport_options, "socket_timeout": 2.0}
    # Who sends SIGTERM knows; whoever presses Ctrl-C is told what comes of it.
    from celery.apps import worker as program  # noqa: PLC0415 - of workers only

    program.install_worker_term_handler = functools.partial(program._shutdown_handler, sig="SIGTERM", verbose=False)  # noqa: SLF001


def _drop_inherited_connections(app: Flask) -> None:
    # A forked worker must not talk over its parent's database connections.
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
