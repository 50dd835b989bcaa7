"""A message that no worker can carry out is logged, counted and set aside, and the worker goes on with the next one."""

import itertools
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from flask import Flask

from evently import poison_messages
from evently.bookings.models import CONFIRMED, Booking
from evently.bookings.tasks import allocate_event
from evently.celery_app import publish
from evently.extensions import db
from evently.launch.embedded import EmbeddedWorker
from evently.launch.processes import Child, wait_until
from evently.observability import metrics
from evently.poison_messages import BODY_BYTES, CAPACITY, PoisonMessage
from tests.abuse.poison import BROKEN, SECRET, UNREADABLE, Envelope, changed, encoded, envelope, pickled, with_own_tag
from tests.factories import make_booking, make_event
from tests.harness.parts import ROOT
from tests.harness.site import Site, fresh

ON_POSTGRESQL = pytest.mark.parametrize("site", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def celery(app: Flask) -> Celery:
    celery: Celery = app.extensions["celery"]
    celery.loader.import_default_modules()
    return celery


@pytest.fixture
def server(site: Site) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(site.environ["REDIS_URL"]) as client:
        yield client


class WorkerProcess:
    """A worker for bookings as `make stack` starts it."""

    def __init__(self, site: Site, log: Path) -> None:
        self._log = log
        self._output = log.open("wb")
        command = [sys.executable, "-m", "celery", "-A", "wsgi", "worker", "-Q", "bookings", "-n", "bookings@%h"]
        command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        self.child = Child(command, env=site.process_environ(), cwd=ROOT, output=self._output)
        wait_until(lambda: " ready." in self.log, self.child, what="The worker", timeout=60)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        self.child.stop()
        self._output.close()


@pytest.fixture
def worker(app: Flask, site: Site, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(site, tmp_path / "log")
    yield worker
    worker.stop()


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_confirmed(booking: Booking) -> bool:
    fresh()
    return db.session.get(Booking, booking.id).status == CONFIRMED


def counted() -> float:
    return sum(
        sample.value for metric in metrics.REGISTRY.collect() for sample in metric.samples if sample.name == "evently_poison_messages_total"
    )


@ON_POSTGRESQL
def test_the_worker_goes_on_after_every_kind_of_poison(worker: WorkerProcess, server: redis.Redis, tmp_path: Path):
    planted = tmp_path / "planted"
    broken = [message for message, _ in BROKEN.values()] + [pickled(planted)]
    # More of each than the worker takes at once: one that is never acknowledged would hold a place for ever.
    for _ in range(3):
        for message in broken:
            server.lpush("bookings", json.dumps(with_own_tag(message)))
        server.lpush("bookings", *UNREADABLE.values())
    booking = make_booking(event=make_event(), decided=False)
    publish(allocate_event, args=[str(booking.event_id)])
    until(lambda: is_confirmed(booking), "the booking is decided")
    assert worker.child.exit_code() is None
    until(lambda: server.hlen("unacked") == 0, "nothing is left unacknowledged")
    assert not planted.exists()
    assert poison_messages.count(server) == min(CAPACITY, 3 * (len(broken) + len(UNREADABLE)))
    assert worker.log.count("was set aside") == 3 * (len(broken) + len(UNREADABLE))
    assert "Traceback" not in worker.log
    for hidden in (SECRET, encoded(SECRET)[:12], encoded(json.dumps([[SECRET], {}, {}]))[:12]):
        assert hidden not in worker.log


@ON_POSTGRESQL
def test_no_header_holds_a_thread_of_the_worker_for_ever(worker: WorkerProcess, server: redis.Redis):
    """Celery trusts what it has written itself; an exception where it does not expect one left the message unacknowledged."""
    headers = ("shadow", "group", "root_id", "origin", "stamped_headers", "stamps", "argsrepr", "retries", "chain", "callbacks", "new")
    values = (1, "x", ["a"], {"a": 1}, 1.5, "9999-12-31T23:59:59+00:00")
    for name, value in [*itertools.product(headers, values), ("eta", values[-1]), ("expires", values[-1])]:
        message = with_own_tag(envelope(args=[str(uuid.uuid4())]))
        message["headers"] |= {"id": str(uuid.uuid4()), name: value}
        server.lpush("bookings", json.dumps(message))
    booking = make_booking(event=make_event(), decided=False)
    publish(allocate_event, args=[str(booking.event_id)])
    until(lambda: is_confirmed(booking), "the booking is decided")
    until(lambda: server.hlen("unacked") == 0, "nothing is left unacknowledged")
    assert worker.child.exit_code() is None


@ON_POSTGRESQL
def test_what_a_worker_before_us_left_unacknowledged_is_set_aside_as_well(app: Flask, site: Site, server: redis.Redis, tmp_path: Path):
    """Such entries come back at each start, so each start ended with them."""
    entries = [*UNREADABLE.values(), json.dumps([{}, "", "bookings"]), json.dumps([changed("properties", ...), "", "bookings"])]
    for number, entry in enumerate(entries):
        server.hset("unacked", f"tag-{number}", entry)
        server.zadd("unacked_index", {f"tag-{number}": 1})
    worker = WorkerProcess(site, tmp_path / "log")
    try:
        booking = make_booking(event=make_event(), decided=False)
        publish(allocate_event, args=[str(booking.event_id)])
        until(lambda: is_confirmed(booking), "the booking is decided")
        until(lambda: server.hlen("unacked") == 0 and server.zcard("unacked_index") == 0, "nothing is left unacknowledged")
        assert worker.child.exit_code() is None
        assert poison_messages.count(server) == len(entries)
    finally:
        worker.stop()


@ON_SQLITE
def test_the_embedded_worker_goes_on_too(celery: Celery):
    before = counted()
    with celery.connection_for_write() as connection:
        for message, _ in BROKEN.values():
            connection.default_channel._put("bookings", with_own_tag(message))
    with EmbeddedWorker(celery, threads=2, beat=False) as worker:
        booking = make_booking(event=make_event(), decided=False)
        publish(allocate_event, args=[str(booking.event_id)])
        until(lambda: is_confirmed(booking), "the booking is decided")
        assert worker.is_alive()
    assert counted() == before + len(BROKEN)


@pytest.mark.parametrize(("message", "reason"), BROKEN.values(), ids=BROKEN)
def test_the_reason_is_named(celery: Celery, message: Envelope, reason: str):
    with celery.connection_for_read() as connection, connection.channel() as channel:
        with pytest.raises(PoisonMessage) as poison:
            poison_messages.check(channel.Message(message, channel=channel), celery.tasks)
        assert poison.value.reason == reason


def test_what_the_site_sends_itself_is_no_poison(celery: Celery):
    """Every task of the beat, a wake-up with a countdown, and a task that is tried again."""
    for entry in celery.conf.beat_schedule.values():
        celery.send_task(entry["task"])
    publish(allocate_event, args=["00000000-0000-0000-0000-000000000000"], countdown=3)
    allocate_event.signature(args=["00000000-0000-0000-0000-000000000000"], retries=2).apply_async()
    seen = []
    with celery.connection_for_read() as connection, connection.channel() as channel:
        for queue in celery.conf.task_queues:
            while message := channel.basic_get(queue.name, no_ack=True):
                poison_messages.check(message, celery.tasks)
                seen.append(message.headers["task"])
    assert len(seen) == len(celery.conf.beat_schedule) + 2


@ON_POSTGRESQL
def test_what_is_set_aside_is_bounded(app: Flask, server: redis.Redis):
    for _ in range(CAPACITY + 5):
        poison_messages.store(b"x" * (BODY_BYTES + 100), queue="bookings", error=PoisonMessage("unreadable"), store=server)
    assert poison_messages.count(server) == CAPACITY
    [entry] = server.lrange(poison_messages.KEY, 0, 0)
    assert len(entry) < 2 * BODY_BYTES
    assert server.ttl(poison_messages.KEY) > 0
    assert json.loads(entry)["bytes"] == BODY_BYTES + 100


@ON_POSTGRESQL
def test_an_operator_lists_and_deletes_them(app: Flask, server: redis.Redis):
    run = app.test_cli_runner().invoke
    assert "No message" in run(args=["poison-messages", "list"]).output
    raw = json.dumps(changed("headers.task", "bookings.no_such_task")).encode()
    poison_messages.store(raw, queue="bookings", error=PoisonMessage("unknown_task", "bookings.no_such_task"), store=server)
    listed = run(args=["poison-messages", "list"]).output
    assert "bookings" in listed
    assert "unknown_task" in listed
    assert SECRET not in listed
    shown = run(args=["poison-messages", "list", "--content"]).output
    assert "bookings.no_such_task" in shown
    assert "set aside" in run(args=["doctor"]).output
    assert "1 message deleted." in run(args=["poison-messages", "purge"]).output
    assert poison_messages.count(server) == 0


def test_remote_control_is_off(celery: Celery):
    """Nothing of the site uses it, and any client of the broker could stop workers with it."""
    assert celery.conf.worker_enable_remote_control is False
