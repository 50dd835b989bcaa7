"""Messages are wake-ups: shared, lost, doubled or refused without harm."""

import contextlib
import datetime as dt
import socket
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from celery.signals import before_task_publish
from flask import Flask
from kombu import pools

from evently import celery_app, circuit_breaker
from evently.bookings import tasks
from evently.bookings.models import Booking
from evently.bookings.services import book_tickets
from evently.database import transaction, utc_now
from evently.errors import Conflict
from evently.events.services import update_event
from evently.launch.embedded import EmbeddedWorker
from evently.launch.ports import free_port
from tests.factories import get_booking, make_booking, make_event, make_organizer, make_user, reload
from tests.harness.concurrency import wait_until
from tests.harness.site import apart
from tests.notifications.outbox_helpers import PostOffice

LONG, NEVER = 60_000, 0


@contextlib.contextmanager
def published() -> Iterator[list[tuple[str, str, list[str]]]]:
    """The tasks that are sent meanwhile: (queue, id, arguments)."""
    sent: list[tuple[str, str, list[str]]] = []

    def note(headers: dict[str, str], body: tuple[list[str], object, object], routing_key: str, **_: object) -> None:
        if headers["task"] == "bookings.allocate_event":
            sent.append((routing_key, headers["id"], body[0]))

    before_task_publish.connect(note)
    try:
        yield sent
    finally:
        before_task_publish.disconnect(note)


def book(event_id: uuid.UUID) -> str:
    return str(book_tickets(user=make_user(), event_id=event_id, tickets=1).task_id)


def test_a_booking_wakes_the_allocator_of_its_event(app):
    event = make_event()
    with published() as sent:
        task_id = book(event.id)
    assert sent == [("bookings", task_id, [str(event.id)])]


def test_bookings_that_come_together_share_one_message(app, monkeypatch):
    monkeypatch.setitem(app.config, "WAKE_UP_WINDOW_MS", LONG)
    event = make_event()
    with published() as sent:
        task_ids = [book(event.id) for _ in range(5)]
    assert len(set(task_ids)) == 1
    assert [task_id for _, task_id, _ in sent] == task_ids[:1]


def test_bookings_of_two_events_do_not(app, monkeypatch):
    monkeypatch.setitem(app.config, "WAKE_UP_WINDOW_MS", LONG)
    events = [make_event().id, make_event().id]
    with published() as sent:
        for event_id in events:
            book(event_id)
    assert [arguments for _, _, arguments in sent] == [[str(event_id)] for event_id in events]


def test_bookings_that_come_apart_have_a_message_each(app, monkeypatch):
    monkeypatch.setitem(app.config, "WAKE_UP_WINDOW_MS", NEVER)
    event = make_event()
    with published() as sent:
        task_ids = [book(event.id) for _ in range(3)]
    assert [task_id for _, task_id, _ in sent] == task_ids
    assert len(set(task_ids)) == 3


def test_the_allocator_lingers_for_longer_than_messages_are_shared(app):
    assert app.config["ALLOCATOR_LINGER_MS"] >= 50 + app.config["WAKE_UP_WINDOW_MS"] / 2 > app.config["WAKE_UP_WINDOW_MS"]


def test_a_lingering_allocator_decides_what_comes_in_after_its_message(app, monkeypatch):
    monkeypatch.setitem(app.config, "WAKE_UP_WINDOW_MS", LONG)
    monkeypatch.setitem(app.config, "ALLOCATOR_LINGER_MS", 1_500)
    event = make_event()
    event_id, first = event.id, book(event.id)
    decided: list[int] = []

    def drain() -> None:
        with app.app_context():
            decided.append(tasks.allocate_event(str(event_id)))

    allocator = threading.Thread(target=drain)
    allocator.start()
    bookings = []
    for _ in range(3):
        booking = book_tickets(user=make_user(), event_id=event_id, tickets=1)
        assert booking.task_id == first
        bookings.append(booking)
        wait_until(lambda: reload(bookings[-1]).status == "confirmed", what="deciding it", timeout=1.4)
    allocator.join()
    assert decided == [4]


def test_new_seats_wake_the_allocator_once_they_are_there(app):
    organizer = make_organizer()
    event = make_event(by=organizer, capacity=5)
    with published() as sent:
        update_event(by=organizer, event_id=event.id, fields={"capacity": 6})
        assert len(sent) == 1
        update_event(by=organizer, event_id=event.id, fields={"capacity": 4, "name": "Smaller"})
        assert len(sent) == 1


def test_a_change_that_is_refused_wakes_nobody(app):
    organizer = make_organizer()
    event = make_event(by=organizer, capacity=5)
    make_booking(event=event, tickets=3)
    with published() as sent, pytest.raises(Conflict):
        update_event(by=organizer, event_id=event.id, fields={"capacity": 2})
    assert sent == []


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_worker_in_the_same_process_decides(app):
    event = make_event(capacity=1)
    with EmbeddedWorker(app.extensions["celery"], beat=False):
        bookings = [book_tickets(user=make_user(), event_id=event.id, tickets=1).id for _ in range(2)]
        wait_until(lambda: all(get_booking(booking_id).is_final for booking_id in bookings), what="deciding")
    assert [get_booking(booking_id).status for booking_id in bookings] == ["confirmed", "failed"]


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_mail_server_that_hangs_delays_no_decision_of_the_same_process(app, monkeypatch):
    office = PostOffice()
    office.is_hanging = True
    for name, value in {"EMAIL_HOST": office.host, "EMAIL_PORT": office.port, "EMAIL_TIMEOUT": 3.0}.items():
        monkeypatch.setitem(app.config, name, value)
    office.start()
    event = make_event(capacity=10)
    with EmbeddedWorker(app.extensions["celery"], threads=1, beat=False):
        book(event.id)
        assert office.hangs.wait(10)
        for _ in range(3):
            later = book_tickets(user=make_user(), event_id=event.id, tickets=1).id
            wait_until(lambda: get_booking(later).is_final, what="deciding", timeout=2)  # noqa: B023 - at once
    office.stop()


# The broker is away


class Listener:
    """Something that answers where the broker should be: it takes connections and closes them."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.visits += 1
                connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def send_tasks_to(app: Flask, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    celery = app.extensions["celery"]
    options = celery_app._transport_options("redis://")
    connection = celery.connection_for_write(f"redis://127.0.0.1:{port}/0", transport_options=options)
    monkeypatch.setattr(celery.amqp, "_producer_pool", pools.producers[connection])


@pytest.fixture
def no_broker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    send_tasks_to(app, monkeypatch, free_port())


def test_without_a_broker_bookings_are_taken_and_decided_here(app, no_broker):
    event = make_event(capacity=2)
    bookings = [book_tickets(user=make_user(), event_id=event.id, tickets=1) for _ in range(2)]
    assert [booking.status for booking in bookings] == ["processing", "processing"]
    assert [reload(booking).status for booking in bookings] == ["confirmed", "confirmed"]


def test_without_a_broker_every_one_of_those_who_come_together_is_decided(app, no_broker, monkeypatch):
    """None may rely on a message that another of them could not send."""
    monkeypatch.setitem(app.config, "WAKE_UP_WINDOW_MS", LONG)
    event = make_event()
    bookings = [book_tickets(user=make_user(), event_id=event.id, tickets=1) for _ in range(3)]
    assert [reload(booking).status for booking in bookings] == ["confirmed"] * 3


def test_without_a_broker_the_queue_waits_for_the_sweep_where_nobody_decides_inline(app, no_broker, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOCATE_INLINE_WITHOUT_BROKER", False)
    booking = book_tickets(user=make_user(), event_id=make_event().id, tickets=1)
    assert reload(booking).status == "processing"
    monkeypatch.setitem(app.config, "SWEEP_SECONDS", 0.0)
    assert apart(tasks.sweep) == 1
    assert reload(booking).status == "confirmed"


def test_not_every_buyer_pays_for_a_broker_that_is_away(app, monkeypatch):
    monkeypatch.setitem(app.config, "ALLOCATE_INLINE_WITHOUT_BROKER", False)
    listener = Listener()
    send_tasks_to(app, monkeypatch, listener.port)
    event = make_event()
    started = time.monotonic()
    book(event.id)
    tried = listener.visits
    assert tried >= 1
    assert circuit_breaker._open_until > time.monotonic()
    for _ in range(5):
        book(event.id)
    assert listener.visits == tried
    assert time.monotonic() - started < 2
    # Later somebody looks again.
    monkeypatch.setattr(circuit_breaker, "_open_until", time.monotonic())
    book(make_event().id)
    assert listener.visits > tried
    listener.close()


def test_a_broker_that_is_back_is_used_again(app, no_broker, monkeypatch):
    book(make_event().id)
    monkeypatch.undo()
    monkeypatch.setattr(circuit_breaker, "_open_until", 0.0)
    with published() as sent:
        book(make_event().id)
    assert len(sent) == 1


# The sweep


def test_the_sweep_decides_what_lost_messages_left(app, monkeypatch):
    bookings = [make_booking(decided=False) for _ in range(3)]
    age(seconds=10)
    assert apart(tasks.sweep) == 3
    assert {reload(booking).status for booking in bookings} == {"confirmed"}
    assert apart(tasks.sweep) == 0


@pytest.mark.parametrize("seconds", [0, -3600], ids=["just arrived", "from a clock that was ahead"])
def test_the_sweep_asks_for_no_age(app, seconds):
    booking = make_booking(decided=False)
    age(seconds=seconds)
    assert apart(tasks.sweep) == 1
    assert reload(booking).status == "confirmed"


def test_the_sweep_is_on_the_beat(app):
    entries = app.extensions["celery"].conf.beat_schedule.values()
    (entry,) = [entry for entry in entries if entry["task"] == "bookings.sweep"]
    assert entry["schedule"].run_every.total_seconds() == app.config["SWEEP_SECONDS"] <= 10


def test_a_message_that_comes_twice_or_for_nothing_does_no_harm(app):
    booking = make_booking(decided=False)
    for _ in range(2):
        apart(tasks.allocate_event, str(booking.event_id))
    apart(tasks.allocate_event, str(uuid.uuid4()))
    assert reload(booking).event.reserved_tickets == 1


def age(*, seconds: float) -> None:
    """As if every booking had come so long ago."""
    with transaction() as session:
        session.execute(sa.update(Booking).values(booking_date=utc_now() - dt.timedelta(seconds=seconds)))
