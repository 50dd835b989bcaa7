"""Messages that no worker can carry out: found before Celery acts on them, logged without their content, counted and set aside.

A copy is kept in a bounded Redis list, for an operator to look at: `flask poison-messages list`.
"""

import base64
import datetime as dt
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery.app.task import Context
from kombu.exceptions import DecodeError
from redis import Redis

from evently.circuit_breaker import call_broker
from evently.observability import metrics

log = logging.getLogger(__name__)
KEY = "evently:poison-messages"
# The newest ones, for two weeks; of a long message its beginning.
CAPACITY, LIFETIME, BODY_BYTES = 100, 14 * 24 * 3600, 16 * 1024
# Names of tasks are shown; anything else in their place may be a secret.
TASK_NAME = re.compile(r"[A-Za-z_][\w.]{0,99}", re.ASCII)

MAX_ETA = dt.timedelta(days=1)
# What Celery puts into the headers of a message, and its types.
TYPES: dict[str, Any] = {
    **dict.fromkeys(("id", "task", "lang", "origin", "argsrepr", "kwargsrepr"), str),
    **dict.fromkeys(("root_id", "parent_id", "shadow"), str | None),
    **dict.fromkeys(("retries", "replaced_task_nesting"), int),
    "ignore_result": bool | None,
    "redelivered": bool,
}
# The site sends every task on its own: without groups and stamps, and without callbacks, chains and chords in the body.
UNUSED = {"group", "group_index", "stamped_headers", "stamps"}


class PoisonMessage(Exception):
    """`reason` is one of a few fixed labels, `task` the name of the task if the message has one that can be shown."""

    def __init__(self, reason: str, task: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.task = task if isinstance(task, str) and TASK_NAME.fullmatch(task) else None


@dataclass(frozen=True)
class PoisonRecord:
    """A message that was set aside; `content` is its beginning."""

    at: dt.datetime
    queue: str
    reason: str
    task: str | None
    size: int
    content: bytes


def check(message: Any, tasks: Mapping[str, Any]) -> None:
    """Raises PoisonMessage unless this is a call of one of these tasks, in the form in which `publish` and the beat send it."""
    if message.errors:
        raise PoisonMessage("unreadable")
    headers = message.headers
    name = headers.get("task")
    if message.content_type != "application/json" or message.content_encoding != "utf-8":
        raise PoisonMessage("content_type", name)
    if not isinstance(name, str) or not _are_valid(headers):
        raise PoisonMessage("headers", name)
    # Celery registers tasks of its own under this name, which call others.
    if name not in tasks or name.startswith("celery."):
        raise PoisonMessage("unknown_task", name)
    try:
        args, kwargs, embed = message.payload
        is_call = isinstance(args, list) and not any(embed.values())
        tasks[name].__header__(*args, **kwargs)
    except (ValueError, TypeError, AttributeError, RecursionError, DecodeError) as error:
        raise PoisonMessage("arguments", name) from error
    if not is_call:
        raise PoisonMessage("arguments", name)


def _are_valid(headers: Mapping[str, Any]) -> bool:
    return {"id", "task"} <= headers.keys() and all(_is_valid(name, value) for name, value in headers.items())


def _is_valid(name: str, value: Any) -> bool:
    if name in TYPES:
        return isinstance(value, TYPES[name])
    if name in UNUSED:
        return not value
    if name in {"eta", "expires"}:
        return value is None or _is_near(value)
    if name == "timelimit":
        return value is None or (
            isinstance(value, list) and len(value) == 2 and all(isinstance(limit, int | float | None) for limit in value)
        )
    # One that a later release adds; Celery makes attributes of its request of all of them.
    return isinstance(value, str | int | None) and not hasattr(Context, name)


def _is_near(value: Any) -> bool:
    """A worker holds a message until its time comes, so that must not be years away."""
    try:
        moment = dt.datetime.fromisoformat(value)
        now = dt.datetime.now(moment.tzinfo)
        return moment - now < MAX_ETA
    except (TypeError, ValueError, OverflowError):
        return False


def store(raw: bytes, *, queue: str, error: Exception, store: Redis | None) -> None:
    """Log and count this message; keep a copy of it in `store`, where the broker is a Redis server."""
    poison = error if isinstance(error, PoisonMessage) else PoisonMessage("other")
    metrics.count_poison(poison.reason)
    facts = {
        "queue": queue,
        "reason": poison.reason,
        "task_name": poison.task,
        "bytes": len(raw),
        "digest": hashlib.sha256(raw).hexdigest()[:12],
        "cause": type(error.__cause__ or error).__name__,
    }
    log.error("A message was set aside, since no worker can carry it out", extra=facts)
    if store is None:
        return
    entry = {
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "queue": queue,
        "reason": poison.reason,
        "task": poison.task,
        "bytes": len(raw),
        "content": base64.b64encode(raw[:BODY_BYTES]).decode(),
    }
    pipeline = store.pipeline()
    pipeline.lpush(KEY, json.dumps(entry))
    pipeline.ltrim(KEY, 0, CAPACITY - 1)
    pipeline.expire(KEY, LIFETIME)
    call_broker(pipeline.execute)


def count(store: Redis) -> int:
    """How many messages are set aside. Raises RedisError."""
    return int(store.llen(KEY))


def list_messages(store: Redis) -> Sequence[PoisonRecord]:
    """The newest first. Raises RedisError."""
    return [_read(json.loads(entry)) for entry in store.lrange(KEY, 0, -1)]


def _read(entry: Mapping[str, Any]) -> PoisonRecord:
    return PoisonRecord(
        at=dt.datetime.fromisoformat(entry["at"]),
        queue=entry["queue"],
        reason=entry["reason"],
        task=entry["task"],
        size=entry["bytes"],
        content=base64.b64decode(entry["content"]),
    )


def purge(store: Redis) -> int:
    """Delete them; how many they were. Raises RedisError."""
    pipeline = store.pipeline()
    pipeline.llen(KEY)
    pipeline.delete(KEY)
    return int(pipeline.execute()[0])
