"""What was worked out before, kept for as long as nothing changes that it was made of.

What an answer is made of has names: `events`, `event:<id>`, `user:<id>`. In the cache each name has a word, its version.
Whoever changes something puts a new word there once that is committed: `changed("events")`. Whoever keeps an answer
writes beside it the words that stood there *before* the database was asked; the answer is good while they are the same.
So nothing old is ever found under a new word, by any process, and nothing has to be looked for to be thrown away.

Without Redis there is one process, and the commands beside it. They share no memory, but a file: the version of
everything is then SQLite's own count of what was committed to it. See docs/adr/007-version-words.md.
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

from evently.broker import BREAK
from evently.database import Base, end_reads, on_commit, single_statement
from evently.extensions import cache, db
from evently.forgiving import ForgivingCache
from evently.observability import metrics

Value = TypeVar("Value")
Row = TypeVar("Row", bound=Base)

# seconds; lists of events, one event, a person, figures
LISTS, DETAILS, PROFILES, ANALYTICS = 300, 600, 900, 1800
# seconds; whatever tells how many seats are left
MOMENT = 1
# seconds; a word outlives every answer that was made under it
LIFETIME = 24 * 3600

WRITES = ("insert", "update", "delete")
# By model and kind of write: the names that a statement over many rows changes.
_changed_by: dict[tuple[type[Base], str], list[str]] = {}


class Versions(Protocol):
    """Where it stands what has changed."""

    def foresee(self, names: Sequence[str], key: str) -> None:
        """A `look` at this is to come."""

    def look(self, names: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:
        """The versions of these names, and what is kept under the key; all at once, or the versions first."""

    def complete(self, names: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The versions to write beside what is worked out now; None where it must not be kept."""

    def renew(self, names: Sequence[str]) -> None:
        """These have changed."""

    def note(self, kind: str, *, is_good: bool) -> None:
        """Somebody asked for an answer of this kind, and what was kept was good."""


def init_app(app: Flask) -> None:
    app.extensions["versions"] = Words() if app.config["REDIS_URL"] else FileVersion()


def remember(key: str, work_out: Callable[[], Value], *, of: Sequence[str], seconds: float) -> Value:
    """What `work_out` returns, now or up to so many seconds ago, unless one of the names `of` has changed since.

    `key` tells the question, beginning with its kind: `list:…`. `cache_values` says what a value may be made of.
    """
    if not current_app.config["CACHE_ENABLED"] or _is_in_transaction():
        # Within a transaction we see what nobody else sees yet.
        return work_out()
    versions: Versions = current_app.extensions["versions"]
    found, kept = versions.look(of, _place(key))
    is_good = _is_good(found, kept)
    _note(key, is_good=is_good)
    if is_good:
        value: Value = kept[2]
        return value
    current, now = versions.complete(of, found), time.time()
    # What this request has read so far may be older than the versions; SQLite would go on reading as of then.
    end_reads()
    value = work_out()
    if current is not None:
        cache.set(_place(key), [current, now + seconds, value], timeout=math.ceil(seconds) + 1)
    return value


def recall(key: str, *, of: Sequence[str]) -> Any:
    """What `remember` keeps under this key; None where it would work it out."""
    if not current_app.config["CACHE_ENABLED"]:
        return None
    found, kept = current_app.extensions["versions"].look(of, _place(key))
    if not _is_good(found, kept):
        return None
    _note(key, is_good=True)
    return kept[2]


def foresee(key: str, *, of: Sequence[str]) -> None:
    """This request will ask for that: what can be found out along the way shall be."""
    if current_app.config["CACHE_ENABLED"]:
        current_app.extensions["versions"].foresee(of, _place(key))


def _is_good(found: tuple[Any, ...], kept: Any) -> bool:
    try:
        versions, until, _ = kept
        return tuple(versions) == found and until > time.time()
    except (TypeError, ValueError):
        # Nothing is there, or something that `remember` has not written.
        return False


def _note(key: str, *, is_good: bool) -> None:
    kind = key.partition(":")[0]
    current_app.extensions["versions"].note(kind, is_good=is_good)
    metrics.count_lookup(kind, is_good=is_good)


def _place(key: str) -> str:
    kind, _, question = key.partition(":")
    return f"kept:{kind}:{hashlib.blake2b(question.encode(), digest_size=16).hexdigest()}"


def follow(model: type[Row], of_one: Callable[[Row], Sequence[str]], of_many: Sequence[str], *, writes: Sequence[str] = WRITES) -> None:
    """From now on, whoever writes rows of this model changes names.

    `of_one` tells them for a row, `of_many` for a statement that writes who knows which. Not seen is what goes past the
    session: statements of a connection, and those of an operator.
    """
    for write in writes:
        event.listen(model, f"after_{write}", lambda _mapper, _connection, row: changed(*of_one(row)))
        _changed_by.setdefault((model, write), []).extend(of_many)


@event.listens_for(db.session, "do_orm_execute")
def _follow_statement(state: ORMExecuteState) -> None:
    if not state.is_select and state.bind_mapper is not None:
        write = "insert" if state.is_insert else "update" if state.is_update else "delete"
        changed(*_changed_by.get((state.bind_mapper.class_, write), ()))


def changed(*names: str) -> None:
    """What was made of these is out of date, once the current transaction is committed."""
    if names:
        db.session().info.setdefault("changed", set()).update(names)
        on_commit(_renew_changed)


def _renew_changed() -> None:
    # All that the transaction changed, at the first call.
    if names := db.session().info.pop("changed", None):
        current_app.extensions["versions"].renew(sorted(names))


@dataclass
class Tally:
    """Answers of one kind: how many are kept, in how many bytes, and how many were found or missed so far."""

    kept: int = 0
    size: int = 0
    found: int = 0
    missed: int = 0


def tally() -> dict[str, Tally] | None:
    """By kind; None without a server that commands can see, or while it is away."""
    counts = _server().counts() if current_app.config["REDIS_URL"] else None
    if counts is None:
        return None
    kinds: defaultdict[str, Tally] = defaultdict(Tally)
    for name, count in counts.items():
        kind, _, what = name.partition(" ")
        setattr(kinds[kind], what, count)
    for key, size in _server().sizes("kept:"):
        seen = kinds[key.split(":")[1]]
        seen.kept, seen.size = seen.kept + 1, seen.size + size
    return dict(kinds)


def clear() -> int:
    """Throw away whatever is kept; how many answers it was, where a command can see them."""
    if not current_app.config["REDIS_URL"]:
        # Any change of the file will do, and this one means nothing.
        with single_statement() as connection:
            number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % 2**31}")
        return 0
    # The words as well: who has looked at them already must not keep what is worked out now.
    _server().clear_versions()
    keys = [key for beginning in ("kept:", "counts") for key, _ in _server().sizes(beginning)]
    for start in range(0, len(keys), 1000):
        _server().unlink(*keys[start : start + 1000])
    return sum(key.startswith("kept:") for key in keys)


def _is_in_transaction() -> bool:
    # A session is made by its first use, and what is kept needs none.
    return db.session.registry.has() and db.session().info.get("in_transaction") is not None


class Words:
    """A word for each name, on the server that all processes share."""

    def __init__(self) -> None:
        self._owed: set[str] = set()
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._seen_until = 0.0

    def foresee(self, names: Sequence[str], key: str) -> None:
        _server().ask_along(names, key)

    def look(self, names: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:
        if self._owed:
            return (None,) * len(names), None
        words, values = _server().get_versioned(names, key)
        return words, values[0]

    def complete(self, names: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        missing = [name for name, word in zip(names, found, strict=True) if word is None]
        new = self._put(missing) if missing and not self._owed else {}
        words = tuple(word or new.get(name) for name, word in zip(names, found, strict=True))
        return None if None in words else words

    def renew(self, names: Sequence[str]) -> None:
        if self._put(names):
            return
        # The server is away; when it is back, it must not serve what was kept before.
        with self._lock:
            is_first, self._owed = not self._owed, self._owed | set(names)
        if is_first:
            app = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Werkzeug's documented way to the object itself
            threading.Thread(target=self._pay, args=(app,), name="owed versions", daemon=True).start()

    def note(self, kind: str, *, is_good: bool) -> None:
        self._seen[f"{kind} {'found' if is_good else 'missed'}"] += 1
        # Told to the server now and then, when somebody has to wait anyway.
        if not is_good and time.monotonic() > self._seen_until:
            seen, self._seen, self._seen_until = self._seen, Counter(), time.monotonic() + 1
            _server().add_up(seen)

    def _put(self, names: Sequence[str]) -> dict[str, bytes]:
        """New words; none while the server is away."""
        words = {name: f"w{secrets.token_hex(8)}".encode() for name in names}
        return words if _server().set_versions(words, LIFETIME) else {}

    def _pay(self, app: Flask) -> None:
        while self._owed:
            time.sleep(BREAK)
            with self._lock, app.app_context():
                if self._put(sorted(self._owed)):
                    self._owed = set()


class FileVersion:
    """For a site on one SQLite file: whatever anybody commits, in this process or another, changes every version."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opening = ""

    def foresee(self, names: Sequence[str], key: str) -> None:
        """Nothing: it is at hand."""

    def look(self, names: Sequence[str], key: str) -> tuple[tuple[Any, ...], Any]:
        del names
        return (self._read(),), cache.get(key)

    def complete(self, names: Sequence[str], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        del names
        return found

    def renew(self, names: Sequence[str]) -> None:
        """Nothing: to commit was enough."""

    def note(self, kind: str, *, is_good: bool) -> None:
        """Nothing: no command could read it."""

    def _read(self) -> str:
        with self._lock:
            if self._connection is None:
                # One of its own, which never writes: SQLite counts what *other* connections have committed.
                self._connection = sqlite3.connect(str(db.engine.url.database), isolation_level=None, check_same_thread=False)
                self._opening = secrets.token_hex(4)
            (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        return f"{self._opening}:{count}"


def _server() -> ForgivingCache:
    """The cache where there is one server for all."""
    return cast("ForgivingCache", cache.cache)
