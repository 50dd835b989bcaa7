"""A cache of computed values, invalidated by tag when the rows that they were computed from change.

Tags are names such as `events`, `event:<id>` and `user:<id>`. Each has a version in Redis, a random text that is replaced
after the commit of every change: `invalidate("events")`. A value is stored with the versions of its tags that were read
*before* the database was, and is valid while they are the same. So no process ever gets a value that is older than a
committed change, and no entries have to be found to be deleted.

Without Redis, the site is one process and the commands that run beside it. They share the file of the database: the
version of every tag is then SQLite's own `PRAGMA data_version`. See docs/adr/007-cache-invalidation-by-tag-versions.md.
"""

import hashlib
import math
import secrets
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState

from evently.circuit_breaker import OPEN_SECONDS
from evently.database import Base, end_read_transaction, on_commit, single_statement
from evently.extensions import cache, db
from evently.forgiving import ForgivingCache
from evently.observability import metrics

Value = TypeVar("Value")
Row = TypeVar("Row", bound=Base)

# seconds; lists of events, one event, a user, reports
LISTS, DETAILS, PROFILES, ANALYTICS = 300, 600, 900, 1800
# seconds; for values that contain the number of available tickets
SHORT_TTL = 1
# seconds; a version outlives every value that was stored with it
TTL = 24 * 3600

WRITES = ("insert", "update", "delete")
# By model and kind of write: the tags that a statement over many rows invalidates.
_tags_by_write: dict[tuple[type[Base], str], list[str]] = {}


class Versions(Protocol):
    """Where the versions of tags are."""

    def prefetch(self, tags: Sequence[str], key: str) -> None:
        """Announce that `get_many` will be called with these."""

    def get_many(self, tags: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:
        """The versions of these tags and the entry of the key; read at once, or the versions first."""

    def create_missing(self, tags: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The versions to store with a value that is computed now; None if it must not be stored."""

    def bump(self, tags: Sequence[str]) -> None:
        """Give these tags new versions."""

    def record_lookup(self, kind: str, *, is_hit: bool) -> None:
        """Count a lookup of a value of this kind."""


def init_app(app: Flask) -> None:
    app.extensions["versions"] = RedisTagVersions() if app.config["REDIS_URL"] else SqliteDataVersion()


def get_or_set(key: str, compute: Callable[[], Value], *, tags: Sequence[str], seconds: float) -> Value:
    """The cached value of `key`, or what `compute` returns, which is cached for so many seconds or until a tag is invalidated.

    `key` begins with the kind of value: `list:…`. `cache_values` says of which types a value may consist.
    """
    if not current_app.config["CACHE_ENABLED"] or _is_in_transaction():
        # A transaction sees changes that are not committed and must not be cached.
        return compute()
    versions: Versions = current_app.extensions["versions"]
    found, entry = versions.get_many(tags, _cache_key(key))
    is_hit = _is_current(found, entry)
    _count_lookup(key, is_hit=is_hit)
    if is_hit:
        value: Value = entry[2]
        return value
    current, now = versions.create_missing(tags, found), time.time()
    # The snapshot of an open read transaction of SQLite may be older than the versions.
    end_read_transaction()
    value = compute()
    if current is not None:
        cache.set(_cache_key(key), [current, now + seconds, value], timeout=math.ceil(seconds) + 1)
    return value


def get(key: str, *, tags: Sequence[str]) -> Any:
    """The cached value of this key; None if `get_or_set` would compute it."""
    if not current_app.config["CACHE_ENABLED"]:
        return None
    found, entry = current_app.extensions["versions"].get_many(tags, _cache_key(key))
    if not _is_current(found, entry):
        return None
    _count_lookup(key, is_hit=True)
    return entry[2]


def prefetch(key: str, *, tags: Sequence[str]) -> None:
    """Announce that this request will look up the key, so that other calls to Redis can fetch it as well."""
    if current_app.config["CACHE_ENABLED"]:
        current_app.extensions["versions"].prefetch(tags, _cache_key(key))


def _is_current(found: tuple[Any, ...], entry: Any) -> bool:
    try:
        versions, until, _ = entry
        return tuple(versions) == found and until > time.time()
    except (TypeError, ValueError):
        # There is no entry, or one that `get_or_set` did not write.
        return False


def _count_lookup(key: str, *, is_hit: bool) -> None:
    kind = key.partition(":")[0]
    current_app.extensions["versions"].record_lookup(kind, is_hit=is_hit)
    metrics.count_lookup(kind, is_hit=is_hit)


def _cache_key(key: str) -> str:
    kind, _, question = key.partition(":")
    return f"kept:{kind}:{hashlib.blake2b(question.encode(), digest_size=16).hexdigest()}"


def invalidate_on_write(
    model: type[Row], of_one: Callable[[Row], Sequence[str]], of_many: Sequence[str], *, writes: Sequence[str] = WRITES
) -> None:
    """Invalidate tags whenever rows of this model are written.

    `of_one` returns the tags of one row; `of_many` are those of a statement that writes an unknown number of rows. Writes
    that do not pass through the session, by a connection or by an operator, are not noticed.
    """
    for write in writes:
        event.listen(model, f"after_{write}", lambda _mapper, _connection, row: invalidate(*of_one(row)))
        _tags_by_write.setdefault((model, write), []).extend(of_many)


@event.listens_for(db.session, "do_orm_execute")
def _invalidate_after_statement(state: ORMExecuteState) -> None:
    if not state.is_select and state.bind_mapper is not None:
        write = "insert" if state.is_insert else "update" if state.is_update else "delete"
        invalidate(*_tags_by_write.get((state.bind_mapper.class_, write), ()))


def invalidate(*tags: str) -> None:
    """Invalidate what is cached with these tags, once the current transaction is committed."""
    if tags:
        db.session().info.setdefault("changed", set()).update(tags)
        on_commit(_bump_changed)


def _bump_changed() -> None:
    # The first call handles all tags of the transaction.
    if tags := db.session().info.pop("changed", None):
        current_app.extensions["versions"].bump(sorted(tags))


@dataclass
class CacheStats:
    """Cached values of one kind: entries, their size in bytes, hits and misses so far."""

    entries: int = 0
    size: int = 0
    hits: int = 0
    misses: int = 0


def cache_stats() -> dict[str, CacheStats] | None:
    """By kind; None without Redis, or while it is unavailable."""
    counts = _server().counts() if current_app.config["REDIS_URL"] else None
    if counts is None:
        return None
    kinds: defaultdict[str, CacheStats] = defaultdict(CacheStats)
    for name, count in counts.items():
        kind, _, what = name.partition(" ")
        setattr(kinds[kind], what, count)
    for key, size in _server().sizes("kept:"):
        stats = kinds[key.split(":")[1]]
        stats.entries, stats.size = stats.entries + 1, stats.size + size
    return dict(kinds)


def clear() -> int:
    """Delete all entries; how many, where they are in Redis."""
    if not current_app.config["REDIS_URL"]:
        # Any write to the file changes the version.
        with single_statement() as connection:
            number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % 2**31}")
        return 0
    # The versions as well: a process that has read them already must not store what it computes now.
    _server().clear_versions()
    keys = [key for beginning in ("kept:", "counts") for key, _ in _server().sizes(beginning)]
    for start in range(0, len(keys), 1000):
        _server().unlink(*keys[start : start + 1000])
    return sum(key.startswith("kept:") for key in keys)


def _is_in_transaction() -> bool:
    # Looking at the session would create it, and cached values need none.
    return db.session.registry.has() and db.session().info.get("in_transaction") is not None


class RedisTagVersions:
    """The versions of tags in Redis, which all processes share."""

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._lookups: Counter[str] = Counter()
        self._counted_until = 0.0

    def prefetch(self, tags: Sequence[str], key: str) -> None:
        _server().ask_along(tags, key)

    def get_many(self, tags: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:
        if self._pending:
            return (None,) * len(tags), None
        current, values = _server().get_versioned(tags, key)
        return current, values[0]

    def create_missing(self, tags: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        missing = [tag for tag, version in zip(tags, found, strict=True) if version is None]
        new = self._store(missing) if missing and not self._pending else {}
        current = tuple(version or new.get(tag) for tag, version in zip(tags, found, strict=True))
        return None if None in current else current

    def bump(self, tags: Sequence[str]) -> None:
        if self._store(tags):
            return
        # Redis is unavailable. When it is back, entries of before must not be valid.
        with self._lock:
            is_first, self._pending = not self._pending, self._pending | set(tags)
        if is_first:
            app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Werkzeug's documented way to the object itself
            threading.Thread(target=self._flush_pending, args=(app,), name="pending tag versions", daemon=True).start()

    def record_lookup(self, kind: str, *, is_hit: bool) -> None:
        self._lookups[f"{kind} {'hits' if is_hit else 'misses'}"] += 1
        # Written to Redis at most once a second, when a value has to be computed anyway.
        if not is_hit and time.monotonic() > self._counted_until:
            lookups, self._lookups, self._counted_until = self._lookups, Counter(), time.monotonic() + 1
            _server().add_up(lookups)

    def _store(self, tags: Sequence[str]) -> dict[str, bytes]:
        """New versions; empty while Redis is unavailable."""
        current = {tag: f"w{secrets.token_hex(8)}".encode() for tag in tags}
        return current if _server().set_versions(current, TTL) else {}

    def _flush_pending(self, app: Flask) -> None:
        while self._pending:
            time.sleep(OPEN_SECONDS)
            with self._lock, app.app_context():
                if self._store(sorted(self._pending)):
                    self._pending = set()


class SqliteDataVersion:
    """For a site on one SQLite file: each commit, of any process, changes the version of every tag."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._connection_id = ""

    def prefetch(self, tags: Sequence[str], key: str) -> None:
        """Nothing: no call to another server is needed."""

    def get_many(self, tags: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:  # noqa: ARG002 - all tags have one version
        return (self._read(),), cache.get(key)

    def create_missing(self, tags: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:  # noqa: ARG002 - as above
        return found

    def bump(self, tags: Sequence[str]) -> None:
        """Nothing: the commit did it."""

    def record_lookup(self, kind: str, *, is_hit: bool) -> None:
        """Nothing: another process could not read the count."""

    def _read(self) -> str:
        with self._lock:
            if self._connection is None:
                # A connection that never writes: data_version changes with commits of *other* connections.
                self._connection = sqlite3.connect(str(db.engine.url.database), isolation_level=None, check_same_thread=False)
                self._connection_id = secrets.token_hex(4)
            (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        return f"{self._connection_id}:{count}"


def _server() -> ForgivingCache:
    """The cache in Redis."""
    return cast("ForgivingCache", cache.cache)
