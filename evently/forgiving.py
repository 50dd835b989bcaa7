"""Cached values and counters of limits on the broker's server, by its one breaker: while it is away, we do without.

Flask-Limiter's own fallback answers 500 to whoever fails beside the first, and asks a server that hangs again and
again; so does the cache, at each page.
"""

import time
from typing import Any

from flask import g
from flask_caching.backends.rediscache import RedisCache
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.exceptions import NoScriptError, RedisError

from evently.broker import ask_broker


class ForgivingCache(RedisCache):
    """Knows nothing while the server is away."""

    def get(self, key: str) -> Any:
        return ask_broker(lambda: super(ForgivingCache, self).get(key))

    def get_many(self, *keys: str) -> list[Any]:
        found = ask_broker(lambda: self._mget(*(f"{self._get_prefix()}{key}" for key in keys))) or [None] * len(keys)
        return [self.serializer.loads(value) for value in found]

    def _mget(self, *keys: str) -> list[bytes | None]:
        """Straight over a connection: redis-py's way to the same costs twice the time, for every answer that is kept."""
        pool = self._read_client.connection_pool
        connection = pool.get_connection()
        try:
            connection.send_command("MGET", *keys)
            found: list[bytes | None] = connection.read_response()
        finally:
            pool.release(connection)
        return found

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        return ask_broker(lambda: super(ForgivingCache, self).set(key, value, timeout))

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[Any]:
        return ask_broker(lambda: super(ForgivingCache, self).set_many(mapping, timeout)) or []


# The new count, and in how many milliseconds its window ends, in one round trip.
COUNT = b"""
local count = redis.call('incrby', KEYS[1], ARGV[1])
local left = redis.call('pttl', KEYS[1])
if left < 0 then
    left = ARGV[2] * 1000
    redis.call('pexpire', KEYS[1], left)
end
return {count, left}
"""


class ForgivingStorage(Storage):
    """For `forgiving+redis://…`: counters of a fixed window, which is all that our limits need, or this process's own."""

    STORAGE_SCHEME = ["forgiving+redis", "forgiving+rediss"]  # noqa: RUF012 - the registry of `limits` reads it

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri)
        self._shared = RedisStorage(uri.removeprefix("forgiving+"), **options)
        self._own = MemoryStorage()
        client = self._shared.get_connection()
        self._pool, self._script = client.connection_pool, client.register_script(COUNT)

    @property
    def base_exceptions(self) -> type[Exception]:
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        answer = ask_broker(lambda: self._count(self._shared.prefixed_key(key), amount, expiry))
        if answer is None:
            return self._own.incr(key, expiry, amount)
        count, left = answer
        # The headers of the answer tell both, so they are asked for again.
        _counted()[key] = count, time.time() + left / 1000
        return int(count)

    def _count(self, key: str, amount: int, expiry: int) -> tuple[int, int]:
        """Straight over a connection: redis-py's way to the same costs twice the time, for every request there is."""
        connection = self._pool.get_connection()
        try:
            connection.send_command("EVALSHA", self._script.sha, 1, key, amount, expiry)
            count, left = connection.read_response()
        except NoScriptError:
            # The server has started anew since; by the long way it learns the script.
            count, left = self._script(keys=[key], args=[amount, expiry])
        finally:
            self._pool.release(connection)
        return count, left

    def get(self, key: str) -> int:
        if key in _counted():
            return _counted()[key][0]
        answer = ask_broker(lambda: self._shared.get(key))
        return self._own.get(key) if answer is None else answer

    def get_expiry(self, key: str) -> float:
        if key in _counted():
            return _counted()[key][1]
        answer = ask_broker(lambda: self._shared.get_expiry(key))
        return self._own.get_expiry(key) if answer is None else answer

    def check(self) -> bool:
        return self._shared.check()

    def reset(self) -> int | None:
        self._own.reset()
        return self._shared.reset()

    def clear(self, key: str) -> None:
        self._own.clear(key)
        ask_broker(lambda: self._shared.clear(key))


def _counted() -> dict[str, tuple[int, float]]:
    """What this request has counted, by key: the count, and when its window ends."""
    counted: dict[str, tuple[int, float]] = g.setdefault("counted", {})
    return counted
