"""Celery tasks: what they belong to, how long they took and how they ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import Retry

from evently.observability import context, metrics


@contextmanager
def measured(task: Any) -> Iterator[None]:
    """Around a task. It goes on under the name of the request that sent it; one that the beat sent has none."""
    sent = task.request
    if not sent.called_directly:
        # Until the next task of this thread: Celery's own lines about a failure come after the task.
        context.reset(task=task.name, task_id=sent.id, request_id=sent.get("request_id") or "")
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "done"
    except Retry:
        outcome = "retried"
        raise
    finally:
        metrics.count_task(task.name, outcome, time.perf_counter() - started)
