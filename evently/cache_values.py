"""How cached values are written: as MessagePack, which can only be read as data. Loading a pickle would run code.

None, booleans, numbers, texts, bytes, lists and dictionaries are written as they are, a tuple as a list. Types that a
value may also hold have a code of their own in `EXTENSIONS`; any other is refused when it is written.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgpack
from flask_caching.backends.simplecache import SimpleCache
from markupsafe import Markup

log = logging.getLogger(__name__)
# A lone surrogate, which JSON can hold, is written as it is.
SURROGATES = "surrogatepass"


class _Extension(NamedTuple):
    type: type
    write: Callable[[Any], str]
    read: Callable[[str], Any]


# By code. A code is never used for another type: processes of two releases share one cache.
EXTENSIONS = {
    1: _Extension(dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    2: _Extension(dt.date, dt.date.isoformat, dt.date.fromisoformat),
    3: _Extension(Decimal, str, Decimal),
    4: _Extension(uuid.UUID, str, uuid.UUID),
    5: _Extension(Markup, str.__str__, Markup),
}
_CODES = {extension.type: code for code, extension in EXTENSIONS.items()}


def encode(value: Any) -> bytes:
    """Raises TypeError for a type that is not listed above, and ValueError for a number that is too long."""
    # strict_types: a subclass, such as Markup of str, is not written as what it was made of.
    packed: bytes = msgpack.packb(value, default=_to_extension, strict_types=True, unicode_errors=SURROGATES)
    return packed


def decode(data: bytes) -> Any:
    """Raises ValueError for what `encode` has not written."""
    try:
        return msgpack.unpackb(data, ext_hook=_from_extension, strict_map_key=False, unicode_errors=SURROGATES)
    # Decimal raises ArithmeticError, and a nested value RecursionError or what msgpack calls its stack.
    except (ValueError, TypeError, ArithmeticError, RecursionError, msgpack.UnpackException) as error:
        raise ValueError("not a cached value") from error


def _to_extension(value: Any) -> Any:
    if type(value) is tuple:
        return list(value)
    code = _CODES.get(type(value))
    if code is None:
        raise TypeError(f"Values of the type {type(value).__name__} cannot be cached; see {__name__}.")
    return msgpack.ExtType(code, EXTENSIONS[code].write(value).encode())


def _from_extension(code: int, data: bytes) -> Any:
    if code not in EXTENSIONS:
        raise ValueError("unknown extension")
    return EXTENSIONS[code].read(data.decode())


class Serializer:
    """For the caches of Flask-Caching. A value that cannot be decoded is a miss."""

    def dumps(self, value: Any) -> bytes:
        return encode(value)

    def loads(self, data: bytes | None) -> Any:
        if data is None:
            return None
        try:
            return decode(data)
        except ValueError:
            log.warning("A cached value cannot be decoded and is ignored")
            return None


class MemoryCache(SimpleCache):
    """For the one process of embedded mode. It takes and gives the same values as the cache in Redis."""

    serializer: Any = Serializer()
