"""A real Celery worker in a process of its own, started as anybody would type it."""

import contextlib
from collections.abc import Iterator

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from evently.bookings.consistency import check
from evently.bookings.services import book_tickets
from evently.events.models import Event
from evently.extensions import db
from tests.factories import get_booking, make_booking, make_event, make_user, reload
from tests.harness.concurrency import wait_until
from tests.harness.live import working
from tests.harness.site import Site

# In embedded mode the worker is a part of the web process; see test_wakeups.py.
pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


@pytest.mark.parametrize("pool", ["threads", "prefork", "solo"])
def test_a_worker_that_starts_later_takes_what_waits(app, site: Site, pool: str):
    event = make_event(capacity=2)
    waiting = [make_booking(event=event, decided=False).id for _ in range(3)]
    with working(site, WORKER_POOL=pool):
        wait_until(lambda: all(get_booking(id_).is_final for id_ in waiting), what="deciding those who were there before")
        later = book_tickets(user=make_user(), event_id=make_event().id, tickets=1).id
        wait_until(lambda: get_booking(later).is_final, what="deciding those who came after")
    assert [get_booking(id_).status for id_ in [*waiting, later]] == ["confirmed", "confirmed", "failed", "confirmed"]
    assert list(check()) == []


def test_a_process_that_takes_too_long_is_ended(app, site: Site):
    stuck, quick = (make_booking(decided=False) for _ in range(2))
    lose_messages(site)
    with working(site, WORKER_POOL="prefork", WORKER_CONCURRENCY="1", TASK_TIME_LIMIT="2"):
        with locked_stock(stuck.event):
            wake(app, stuck.event)
            wait_until(somebody_waits_for_a_lock, what="trying to decide it")
            wake(app, quick.event)
            wait_until(lambda: reload(quick).is_final, what="deciding another event")
            assert reload(stuck).status == "processing"
        wake(app, stuck.event)
        wait_until(lambda: reload(stuck).is_final, what="deciding it")
    assert list(check()) == []


def wake(app: Flask, event: Event) -> None:
    """With a message that, unlike others, does not say how long the task may take: the worker's own limit counts."""
    app.extensions["celery"].send_task("bookings.allocate_event", args=[str(event.id)], time_limit=None, soft_time_limit=None)


def test_who_locks_an_event_for_ever_holds_up_no_other(app, site: Site):
    """Not even the sweep, which looks after all of them again and again."""
    stuck, quick = make_event(), make_event()
    waiting = make_booking(event=stuck, decided=False).id
    with working(site, "--beat", SWEEP_SECONDS="0.2", WORKER_CONCURRENCY="2"):
        with locked_stock(stuck):
            wait_until(somebody_waits_for_a_lock, what="the sweep")
            for _ in range(3):
                later = make_booking(event=quick, decided=False).id
                wait_until(lambda: get_booking(later).is_final, what="deciding another event", timeout=5)  # noqa: B023 - at once
        wait_until(lambda: get_booking(waiting).is_final, what="deciding it")


@contextlib.contextmanager
def locked_stock(event: Event) -> Iterator[None]:
    """Somebody else has the event, and does not let go of it."""
    with db.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        connection.execute(sa.text("SELECT 1 FROM ticket_stock WHERE event_id = :event FOR UPDATE"), {"event": event.id})
        yield
        connection.rollback()


def somebody_waits_for_a_lock() -> bool:
    with db.engine.connect() as connection:
        return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")))


def test_what_lost_messages_left_is_swept_up_by_the_beat(app, site: Site, tmp_path):
    waiting = [make_booking(decided=False).id for _ in range(3)]
    lose_messages(site)
    with working(site, "--beat", "--schedule", str(tmp_path / "schedule"), SWEEP_SECONDS="0.5"):
        wait_until(lambda: all(get_booking(id_).is_final for id_ in waiting), what="sweeping")
    assert [get_booking(id_).status for id_ in waiting] == ["confirmed"] * 3


def lose_messages(site: Site) -> None:
    """As a broker does that is restarted: it keeps nothing on disk."""
    with redis.Redis.from_url(site.environ["REDIS_URL"]) as broker:
        assert broker.delete("bookings") == 1
