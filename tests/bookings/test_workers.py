"""A real Celery worker in a process of its own, started as anybody would type it."""

import pytest
import redis

from evently.bookings.ledger import check
from evently.bookings.services import book_tickets
from tests.factories import get_booking, make_booking, make_event, make_user
from tests.harness.concurrency import wait_until
from tests.harness.live import working
from tests.harness.site import Site

# In embedded mode the worker is a part of the web process; see test_wakeups.py.
pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


def test_a_worker_that_starts_later_takes_what_waits(app, site: Site):
    event = make_event(capacity=2)
    waiting = [make_booking(event=event, decided=False).id for _ in range(3)]
    with working(site):
        wait_until(lambda: all(get_booking(id_).is_final for id_ in waiting), what="deciding those who were there before")
        later = book_tickets(user=make_user(), event_id=make_event().id, tickets=1).id
        wait_until(lambda: get_booking(later).is_final, what="deciding those who came after")
    assert [get_booking(id_).status for id_ in [*waiting, later]] == ["confirmed", "confirmed", "failed", "confirmed"]
    assert list(check()) == []


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
