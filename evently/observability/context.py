"""What this thread is at: the request or the task, and whom and what it is about.

Log lines carry it, and so do the tasks that are sent meanwhile. To note something costs less than a microsecond.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_known: ContextVar[dict[str, Any]] = ContextVar("known")


def begin(**known: Any) -> None:
    """A new request: whatever was known of the one before is forgotten."""
    _known.set(known)


@contextmanager
def during(**known: Any) -> Iterator[None]:
    """A task; what was known before is known again afterwards, as a task may be called within a request."""
    before = _known.set(known)
    try:
        yield
    finally:
        _known.reset(before)


def note(**more: Any) -> None:
    """Whom or what this request or task is about, as far as is known by now; nothing outside of one."""
    known = _known.get(None)
    if known is not None:
        known.update(more)


def known() -> Mapping[str, Any]:
    return _known.get({})


def request_id() -> str:
    """Of this request, or of the one that sent this task; empty outside of both."""
    return str(known().get("request_id") or "")
