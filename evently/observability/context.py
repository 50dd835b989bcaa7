"""What this thread is at: the request or the task, and whom and what it is about.

Log lines carry it, and the tasks that are sent meanwhile carry its name on. To note something takes a fraction of a microsecond.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_context: ContextVar[dict[str, Any]] = ContextVar("known")


def reset(**known: Any) -> None:
    """A new request or task: whatever was known of the one before is forgotten."""
    _context.set(known)


def bind(**more: Any) -> None:
    """Whom or what this request or task is about, as far as is known by now; nothing outside of one."""
    known = _context.get(None)
    if known is not None:
        known.update(more)


def current() -> Mapping[str, Any]:
    return _context.get({})


def request_id() -> str:
    """Of this request, or of the one that sent this task; empty outside of both."""
    return str(current().get("request_id") or "")
