"""The worker and the beat in threads of this process."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery

from evently.launch.embedded import EmbeddedWorker


@pytest.fixture
def celery() -> Iterator[Celery]:
    celery = Celery("embedded", broker="memory://", set_as_current=False)
    celery.conf.update(
        broker_transport_options={"polling_interval": 0.02},
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        task_ignore_result=True,
        # Of its own: the memory broker's queues are shared by all applications of a process.
        task_default_queue="embedded",
    )
    yield celery
    celery.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _task(celery: Celery, function: Callable[[], object]) -> Any:
    # Not shared: the site's own application is none of a test's business.
    return celery.task(name=f"embedded.{function.__name__}", shared=False)(function)


def test_tasks_are_done_in_threads_of_this_process(celery: Celery) -> None:
    done = []

    def note() -> None:
        done.append(threading.current_thread() is threading.main_thread())

    task = _task(celery, note)
    with EmbeddedWorker(celery, beat=False):
        for _ in range(50):
            task.delay()
        _until(lambda: len(done) == 50)
    assert not any(done)


def test_the_beat_beats(celery: Celery) -> None:
    done = []

    def tick() -> None:
        done.append(True)

    _task(celery, tick)
    celery.conf.beat_schedule = {"tick": {"task": "embedded.tick", "schedule": 0.2}}
    with EmbeddedWorker(celery):
        _until(lambda: len(done) >= 2)


def test_stopping_waits_for_what_was_begun_and_takes_nothing_new(celery: Celery) -> None:
    begun, finished = threading.Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.5)
        finished.append(True)

    task = _task(celery, slow)
    worker = EmbeddedWorker(celery, threads=1, beat=False).start()
    task.delay()
    assert begun.wait(10)
    worker.stop()
    assert finished == [True]
    assert not worker.is_alive()
    task.delay()
    assert finished == [True]


def test_it_can_be_started_again(celery: Celery) -> None:
    for _ in range(2):
        with EmbeddedWorker(celery) as worker:
            assert worker.is_alive()
        assert not worker.is_alive()
