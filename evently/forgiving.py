"""Cached values and counters of limits on the broker's server, by its one breaker: while it is away, we do without.

Flask-Limiter's own fallback answers 500 to whoever fails beside the first, and asks a server that hangs again and
again; so does the cache, at each page.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from flask import g
from flask_caching.backends.rediscache import RedisCache
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.exceptions import ConnectionError, NoScriptError, RedisError, ResponseError  # noqa: A004 - not the one of sockets

from evently.cache_values import Serializer
from evently.circuit_breaker import call_broker

# Cache tag versions are opaque bytes that are only compared, so the release before, which reads the same keys, shares them.
VERSION_PREFIX = "evently:version:"


class Line(threading.local):
    """A connection of this thread's own, for what every request asks.

    redis-py's pool looks each time whether the connection still lives, which costs as much time as the question.
    """

    def __init__(self, client: Any) -> None:
        self._pool = client.connection_pool
        self._connection: Any = None
        self._process = 0

    def ask(self, *questions: tuple[object, ...], meanwhile: Callable[[], object] | None = None) -> list[Any]:
        """The answers to all of them in one round trip; what the server refuses is answered by its error.

        `meanwhile` is called while the server has them: another server can be asked in the same time.
        """
        if self._process != os.getpid():
            # A child of this process must not read our answers.
            self._connection, self._process = self._pool.make_connection(), os.getpid()
        try:
            return self._exchange(questions, meanwhile)
        except ConnectionError:
            # The server has hung up since: it was started anew, say.
            return self._exchange(questions, None)

    def _exchange(self, questions: tuple[tuple[object, ...], ...], meanwhile: Callable[[], object] | None) -> list[Any]:
        connection = self._connection
        # Connects where it is not, or no longer, connected.
        connection.send_packed_command(connection.pack_commands(questions))
        if meanwhile:
            try:
                meanwhile()
            except BaseException:
                # Whoever asks next must not take our answers for theirs.
                connection.disconnect()
                raise
        return [self._answer() for _ in questions]

    def _answer(self) -> Any:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error


class ForgivingCache(RedisCache):
    """Finds nothing and keeps nothing while the server is away."""

    serializer: Any = Serializer()

    @cached_property
    def _line(self) -> Line:
        return Line(self._read_client)

    def get(self, key: str) -> Any:
        return call_broker(lambda: super(ForgivingCache, self).get(key))

    def get_many(self, *keys: str) -> list[Any]:
        return list(self.get_versioned((), *keys)[1])

    def get_versioned(self, names: Sequence[str], *keys: str) -> tuple[tuple[bytes | None, ...], tuple[Any, ...]]:
        """The versions of these tags, and the values of these keys, in one round trip."""
        question = self._question(names, keys)
        asked, found = g.pop("found_along", (None, None))
        if asked != question:
            (found,) = call_broker(lambda: self._line.ask(question)) or (None,)
        if not isinstance(found, list):
            # The server is away, or it has refused the question.
            found = [None] * (len(names) + len(keys))
        return tuple(found[: len(names)]), tuple(map(self.serializer.loads, found[len(names) :]))

    def set_versions(self, versions: Mapping[str, bytes], seconds: int) -> bool:
        """Whether the server has them now."""

        def write() -> list[Any]:
            pipe = self._write_client.pipeline(transaction=False)
            for name, version in versions.items():
                pipe.set(f"{VERSION_PREFIX}{name}", version, ex=seconds)
            return list(pipe.execute())

        return bool(call_broker(write))

    def clear_versions(self) -> None:
        """Every value that is cached under a version is out of date. Raises RedisError."""
        keys = list(self._read_client.scan_iter(match=f"{VERSION_PREFIX}*", count=1000))
        for start in range(0, len(keys), 1000):
            self._write_client.unlink(*keys[start : start + 1000])

    def add_up(self, counts: Mapping[str, int]) -> None:
        """Add to counters that all processes share."""

        def add() -> None:
            pipe = self._write_client.pipeline(transaction=False)
            for name, count in counts.items():
                pipe.hincrby(f"{self._get_prefix()}counts", name, count)
            pipe.execute()

        call_broker(add)

    def counts(self) -> dict[str, int] | None:
        """What was added up; None while the server is away."""
        found = call_broker(lambda: self._read_client.hgetall(f"{self._get_prefix()}counts"))
        return None if found is None else {name.decode(): int(count) for name, count in found.items()}

    def sizes(self, beginning: str) -> Iterator[tuple[str, int]]:
        """The keys that begin like this, with the bytes each takes; for an operator, who can wait. Raises RedisError."""
        prefix = self._get_prefix()
        for key in self._read_client.scan_iter(match=f"{prefix}{beginning}*", count=1000):
            yield key.decode().removeprefix(prefix), self._read_client.memory_usage(key) or 0

    def ask_along(self, names: Sequence[str], key: str) -> None:
        """Let the counting of this request find out already what `get_versioned` will be asked: one round trip for both."""
        g.ask_along = self._question(names, (key,))

    def _question(self, names: Sequence[str], keys: tuple[str, ...]) -> tuple[str, ...]:
        prefix = self._get_prefix()
        return ("MGET", *[f"{VERSION_PREFIX}{name}" for name in names], *[f"{prefix}{key}" for key in keys])

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        seconds = self._normalize_timeout(timeout)
        # -1: for ever, as the parent has it
        limit = () if seconds == -1 else ("EX", seconds)
        question = ("SET", f"{self._get_prefix()}{key}", self.serializer.dumps(value), *limit)
        return call_broker(lambda: self._line.ask(question)) == [b"OK"]

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[Any]:
        return call_broker(lambda: super(ForgivingCache, self).set_many(mapping, timeout)) or []


# A window of a limit: its key, how many seconds it lasts, and how many requests it takes.
Window = tuple[str, int, int]

# Counts in the windows up to the first that is exceeded: each new count, and in how many milliseconds the window ends.
COUNT = b"""
local found = {}
for number, key in ipairs(KEYS) do
    local count = redis.call('incr', key)
    local left = redis.call('pttl', key)
    if left < 0 then
        left = ARGV[2 * number - 1] * 1000
        redis.call('pexpire', key, left)
    end
    found[2 * number - 1], found[2 * number] = count, left
    if count > tonumber(ARGV[2 * number]) then
        break
    end
end
return found
"""


class _Counted(RedisStorage):
    # It would also import the client of every other such server that is installed.
    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 - as its parent has it


class ForgivingStorage(Storage):
    """For `forgiving+redis://…`: counters of a fixed window, which is all that our limits need, or this process's own."""

    STORAGE_SCHEME = ["forgiving+redis", "forgiving+rediss"]  # noqa: RUF012 - the registry of `limits` reads it

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri)
        self._shared = _Counted(uri.removeprefix("forgiving+"), **options)
        self._own = MemoryStorage()
        client = self._shared.get_connection()
        self._line, self._script = Line(client), client.register_script(COUNT)

    @property
    def base_exceptions(self) -> type[Exception]:
        return RedisError

    def count(self, windows: Sequence[Window]) -> list[tuple[int, float]]:
        """As `count_in`, in one round trip."""
        found = call_broker(lambda: self._count(windows))
        if found is None:
            return count_in(self._own, windows)
        now = time.time()
        return [(count, now + left / 1000) for count, left in zip(found[::2], found[1::2], strict=True)]

    def _count(self, windows: Sequence[Window]) -> list[int]:
        # What the request asks of the cache next comes along.
        along, meanwhile = g.pop("ask_along", None), g.pop("meanwhile", None)
        keys = [self._shared.prefixed_key(key) for key, _, _ in windows]
        arguments = [number for _, seconds, most in windows for number in (seconds, most)]
        question = "EVALSHA", self._script.sha, len(keys), *keys, *arguments
        *found, counted = self._line.ask(*([along] if along else []), question, meanwhile=meanwhile)
        if found:
            g.found_along = along, found[0]
        if isinstance(counted, NoScriptError):
            # The server was restarted; this call loads the script again.
            counted = self._script(keys=keys, args=arguments)
        return list(counted)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count = call_broker(lambda: self._shared.incr(key, expiry, amount))
        return self._own.incr(key, expiry, amount) if count is None else count

    def get(self, key: str) -> int:
        count = call_broker(lambda: self._shared.get(key))
        return self._own.get(key) if count is None else count

    def get_expiry(self, key: str) -> float:
        end = call_broker(lambda: self._shared.get_expiry(key))
        return self._own.get_expiry(key) if end is None else end

    def check(self) -> bool:
        return self._shared.check()

    def reset(self) -> int | None:
        self._own.reset()
        return self._shared.reset()

    def clear(self, key: str) -> None:
        self._own.clear(key)
        call_broker(lambda: self._shared.clear(key))


def count_in(storage: Storage, windows: Sequence[Window]) -> list[tuple[int, float]]:
    """Count in the windows, up to the first that is exceeded: each new count, and when the window ends."""
    if isinstance(storage, ForgivingStorage):
        return storage.count(windows)
    found = []
    for key, seconds, most in windows:
        count = storage.incr(key, seconds)
        found.append((count, storage.get_expiry(key)))
        if count > most:
            break
    return found
