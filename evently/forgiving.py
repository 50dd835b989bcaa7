"""Cached values and counters of limits on the broker's server, by its one breaker: while it is away, we do without.

Flask-Limiter's own fallback answers 500 to whoever fails beside the first, and asks a server that hangs again and
again; so does the cache, at each page.
"""

from typing import Any

from flask_caching.backends.rediscache import RedisCache
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.exceptions import RedisError

from evently.broker import ask_broker


class ForgivingCache(RedisCache):
    """Knows nothing while the server is away."""

    def get(self, key: str) -> Any:
        return ask_broker(lambda: super(ForgivingCache, self).get(key))

    def get_many(self, *keys: str) -> list[Any]:
        return ask_broker(lambda: super(ForgivingCache, self).get_many(*keys)) or [None] * len(keys)

    def set(self, key: str, value: Any, timeout: Any = None) -> Any:
        return ask_broker(lambda: super(ForgivingCache, self).set(key, value, timeout))

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[Any]:
        return ask_broker(lambda: super(ForgivingCache, self).set_many(mapping, timeout)) or []


class ForgivingStorage(Storage):
    """For `forgiving+redis://…`: counters of a fixed window, which is all that our limits need, or this process's own."""

    STORAGE_SCHEME = ["forgiving+redis", "forgiving+rediss"]  # noqa: RUF012 - the registry of `limits` reads it

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri)
        self._shared = RedisStorage(uri.removeprefix("forgiving+"), **options)
        self._own = MemoryStorage()

    @property
    def base_exceptions(self) -> type[Exception]:
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        answer = ask_broker(lambda: self._shared.incr(key, expiry, amount))
        return self._own.incr(key, expiry, amount) if answer is None else answer

    def get(self, key: str) -> int:
        answer = ask_broker(lambda: self._shared.get(key))
        return self._own.get(key) if answer is None else answer

    def get_expiry(self, key: str) -> float:
        answer = ask_broker(lambda: self._shared.get_expiry(key))
        return self._own.get_expiry(key) if answer is None else answer

    def check(self) -> bool:
        return self._shared.check()

    def reset(self) -> int | None:
        self._own.reset()
        return self._shared.reset()

    def clear(self, key: str) -> None:
        self._own.clear(key)
        self._shared.clear(key)
