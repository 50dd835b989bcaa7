"""A broker that is away, as one process sees it: who waits for it, and who decides meanwhile."""

import time

import kombu.utils.functional
import pytest
from flask import Flask

from evently import circuit_breaker
from evently.bookings.services import book_tickets
from evently.celery_consumer import ReconnectingConsumer
from evently.extensions import cache, limiter
from evently.launch.ports import free_port
from tests.factories import make_event, make_user, reload


@pytest.fixture
def _broker_is_away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "_open_until", time.monotonic() + 60)


def test_a_worker_looks_for_it_at_the_same_pace_for_ever(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception): ...

    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if sum(pauses) >= 60:
            raise Enough

    monkeypatch.setattr(kombu.utils.functional, "sleep", sleep)
    celery = app.extensions["celery"]
    consumer = object.__new__(ReconnectingConsumer)
    consumer.app, consumer.first_connection_attempt, consumer.broker_connection_retry_attempt = celery, True, 0
    with pytest.raises(Enough):
        consumer.ensure_connected(celery.connection_for_read(f"redis://127.0.0.1:{free_port()}/0"))
    assert max(pauses) == 1
    assert consumer.broker_connection_retry_attempt >= 50
    assert celery.conf.worker_consumer == f"{ReconnectingConsumer.__module__}:{ReconnectingConsumer.__name__}"


def unreachable() -> bool:
    raise ConnectionRefusedError


@pytest.mark.usefixtures("_broker_is_away")
def test_bookings_that_would_share_a_message_are_all_decided_at_once() -> None:
    event = make_event()
    bookings = [book_tickets(user=user, event_id=event.id, tickets=1) for user in [make_user() for _ in range(5)]]
    assert {reload(booking).status for booking in bookings} == {"confirmed"}


@pytest.mark.usefixtures("_broker_is_away")
def test_bookings_wait_where_only_the_worker_may_decide(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "ALLOCATE_INLINE_WITHOUT_BROKER", False)
    booking = book_tickets(user=make_user(), event_id=make_event().id, tickets=1)
    assert reload(booking).status == "processing"


@pytest.mark.usefixtures("_broker_is_away")
def test_a_backlog_larger_than_a_batch_is_decided_to_its_end(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    event = make_event()
    monkeypatch.setitem(app.config, "ALLOCATE_INLINE_WITHOUT_BROKER", False)
    bookings = [book_tickets(user=make_user(), event_id=event.id, tickets=1) for _ in range(5)]
    monkeypatch.setitem(app.config, "ALLOCATE_INLINE_WITHOUT_BROKER", True)
    monkeypatch.setitem(app.config, "ALLOCATOR_BATCH", 2)
    bookings.append(book_tickets(user=make_user(), event_id=event.id, tickets=1))
    assert {reload(booking).status for booking in bookings} == {"confirmed"}


@pytest.mark.usefixtures("_broker_is_away")
def test_limits_are_counted_here_meanwhile() -> None:
    assert [limiter.storage.incr("key", 60) for _ in range(3)] == [1, 2, 3]
    assert limiter.storage.get("key") == 3
    assert limiter.storage.get_expiry("key") == pytest.approx(time.time() + 60, abs=5)


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_cached_values_are_unknown_meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set("key", "value")
    assert cache.get("key") == "value"
    with monkeypatch.context() as away:
        away.setattr(circuit_breaker, "_open_until", time.monotonic() + 60)
        assert cache.get("key") is None
        assert cache.get_many("key", "other") == [None, None]
        cache.set("key", "another value")
        assert app.test_client().get("/").status_code == 200
    assert cache.get("key") == "value"


@pytest.mark.usefixtures("app")
def test_after_a_failure_nobody_asks_and_then_one_alone_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(answers: bool) -> object:
        return circuit_breaker.call_broker(lambda: asked.append(1) or (answers or unreachable()))

    assert ask(answers=False) is None
    assert ask(answers=True) is None
    assert len(asked) == 1
    monkeypatch.setattr(circuit_breaker, "_open_until", time.monotonic() - 1)
    assert circuit_breaker.call_broker(lambda: ask(answers=True)) is None, "the second asks while the first waits"
    assert len(asked) == 1
    monkeypatch.setattr(circuit_breaker, "_open_until", time.monotonic() - 1)
    assert ask(answers=True) is True
    assert ask(answers=True) is True
