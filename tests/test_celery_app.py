"""Celery as the site sets it up: which queue a task goes to, what is taken first, how long it may take, when it comes again."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from celery import Celery
from celery.exceptions import Retry
from celery.signals import before_task_publish
from flask import Flask
from kombu import Connection, Consumer
from kombu.exceptions import ContentDisallowed

from config import load_settings
from evently import create_app
from evently.bookings import allocator
from evently.bookings.tasks import allocate_event
from evently.celery_app import QUEUES
from evently.env_parsers import ConfigurationError
from evently.idempotency import services as idempotency
from evently.idempotency.tasks import delete_old_requests
from tests.harness.site import Site

on_redis = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


@pytest.fixture
def celery(app: Flask) -> Celery:
    celery: Celery = app.extensions["celery"]
    return celery


def test_every_task_has_its_queue(celery: Celery) -> None:
    celery.loader.import_default_modules()
    tasks = sorted(name for name in celery.tasks if not name.startswith("celery."))
    queues = {name: celery.amqp.router.route({}, name)["queue"].name for name in tasks}
    assert queues == {
        "accounts.forget_old_sessions": "default",
        "accounts.mail_reset_link": "default",
        "attendees.carry_out": "default",
        "attendees.sweep": "default",
        "bookings.allocate_event": "bookings",
        "bookings.sweep": "bookings",
        "events.forget_leftovers": "default",
        "events.render_description": "default",
        "events.render_descriptions": "default",
        "events.sweep_uploads": "default",
        "events.work_on_upload": "default",
        "idempotency.forget_old": "default",
        "notifications.delete_old_counters": "mail",
        "notifications.deliver": "mail",
        "notifications.forget_the_gone": "mail",
        "notifications.remind": "mail",
        "notifications.tell_waiting": "mail",
    }
    assert [queue.name for queue in celery.conf.task_queues] == list(QUEUES)


def test_what_the_beat_sends_is_there_to_be_done(celery: Celery) -> None:
    celery.loader.import_default_modules()
    assert {entry["task"] for entry in celery.conf.beat_schedule.values()} <= set(celery.tasks)


def take(celery: Celery, count: int, **options: Any) -> list[str]:
    """The queues that so many messages come from, in the order in which one worker for all of them takes them."""
    taken: list[str] = []

    def note(_body: object, message: Any) -> None:
        taken.append(message.delivery_info["routing_key"])
        message.ack()

    connection: Connection = celery.connection_for_read()
    with connection, connection.channel() as channel:
        channel.basic_qos(0, 1, False)
        queues = [celery.amqp.queues[name] for name in QUEUES]
        with Consumer(channel, queues, callbacks=[note], accept=celery.conf.accept_content, **options):
            while len(taken) < count:
                connection.drain_events(timeout=5)
    return taken


@on_redis
def test_bookings_come_first(celery: Celery) -> None:
    tasks = {"default": "idempotency.forget_old", "mail": "notifications.deliver", "bookings": "bookings.sweep"}
    for name in ("mail", "default", "mail", "bookings", "mail", "bookings"):
        celery.send_task(tasks[name])
    assert take(celery, 6) == ["bookings"] * 2 + ["mail"] * 3 + ["default"]


@on_redis
def test_nothing_but_json_is_read(celery: Celery) -> None:
    celery.send_task("bookings.allocate_event", args=["x"], serializer="pickle")
    refused: list[Exception] = []

    def refuse(message: Any, error: Exception) -> None:
        refused.append(error)
        message.reject()

    celery.send_task("bookings.sweep")
    assert take(celery, 1, on_decode_error=refuse) == ["bookings"]
    assert [type(error) for error in refused] == [ContentDisallowed]


def test_a_task_is_acknowledged_when_it_is_done_and_has_a_time(celery: Celery) -> None:
    celery.loader.import_default_modules()
    for task in (celery.tasks[name] for name in celery.tasks if not name.startswith("celery.")):
        assert (task.acks_late, task.time_limit or celery.conf.task_time_limit) == (True, 300)
    assert celery.conf.task_soft_time_limit < celery.conf.task_time_limit
    assert celery.conf.worker_prefetch_multiplier == 1


@pytest.mark.parametrize("task", [allocate_event, delete_old_requests], ids=lambda task: task.name)
def test_a_task_that_lost_the_database_comes_again_later_and_later_and_never_all_at_once(
    task: Any, celery: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: Any, **__: Any) -> int:
        raise sa.exc.OperationalError("SELECT", {}, Exception("the server went away"))

    monkeypatch.setattr(allocator, "process_queue", lose)
    monkeypatch.setattr(idempotency, "delete_old", lose)
    args = ["00000000-0000-0000-0000-000000000000"] if task is allocate_event else []
    pauses = [[_pause(celery, task, args, tries) for _ in range(8)] for tries in range(5)]
    # Whole seconds, drawn by lot up to a bound that grows.
    assert [max(drawn) <= bound for drawn, bound in zip(pauses, (1, 2, 4, 5, 5), strict=True)] == [True] * 5
    assert len({pause for drawn in pauses[2:] for pause in drawn}) > 1
    with pytest.raises(sa.exc.OperationalError):
        _pause(celery, task, args, 5)


def _pause(celery: Celery, task: Any, args: list[str], tries: int) -> int:
    """The seconds until a task that has been tried so often comes again."""
    sent: list[dict[str, Any]] = []

    def note(headers: dict[str, Any], **_: Any) -> None:
        sent.append(headers)

    before_task_publish.connect(note)
    task = celery.tasks[task.name]
    task.push_request(id="1", args=args, kwargs={}, retries=tries, called_directly=False, delivery_info={"routing_key": "bookings"})
    before = dt.datetime.now(dt.UTC)
    try:
        with pytest.raises(Retry):
            task.run(*args)
    finally:
        task.pop_request()
        before_task_publish.disconnect(note)
    [headers] = sent
    assert headers["retries"] == tries + 1
    return round((dt.datetime.fromisoformat(headers["eta"]) - before).total_seconds()) if headers["eta"] else 0


# Celery's own call.
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
@on_redis
def test_results_are_kept_only_where_asked_for_and_expire(celery: Celery, site: Site) -> None:
    celery.loader.import_default_modules()
    assert all(task.ignore_result for name, task in celery.tasks.items() if not name.startswith("celery."))
    celery.backend.store_result("asked-for", 17, "SUCCESS")
    with redis.Redis.from_url(site.environ["REDIS_URL"]) as client:
        assert list(client.scan_iter("celery-task-meta-*")) == [b"celery-task-meta-asked-for"]
        assert 0 < client.ttl("celery-task-meta-asked-for") <= 3600
    # Another test may have run a worker in this process, which would have Celery take this for a task.
    assert celery.AsyncResult("asked-for").get(timeout=1, disable_sync_subtasks=False) == 17


def test_another_pool_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_POOL must be one of threads, prefork, solo, not 'gevent'"):
        load_settings({"EVENTLY_DATA_DIR": str(tmp_path), "WORKER_POOL": "gevent"})


def test_what_only_works_through_tasks_knows_every_page_that_mails_lead_to(tmp_path: Path) -> None:
    app = create_app(load_settings({"EVENTLY_DATA_DIR": str(tmp_path)}), serves=False)
    package = Path(app.root_path)
    sources = [*(package / "notifications").glob("*.py"), *(package / "templates" / "emails").iterdir()]
    named = {name for source in sources for name in re.findall(r"""["']((?:web|dashboard|api)\.\w+)["']""", source.read_text())}
    assert {"web.show_ticket", "web.unsubscribe", "web.reset_password"} <= named <= set(app.view_functions)
    assert not [name for name in app.view_functions if name.startswith(("api", "dashboard"))]
