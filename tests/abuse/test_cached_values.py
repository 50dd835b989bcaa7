"""Nothing in the cache can run code: values are MessagePack, and a pickle that is planted there is never loaded."""

import datetime as dt
import pickle
import re
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup

from evently import tagged_cache
from evently.cache_values import decode, encode
from evently.extensions import cache
from evently.tagged_cache import get_or_set, invalidate
from tests.factories import auth, log_in, make_booking, make_event, make_user
from tests.harness.parts import ROOT
from tests.harness.site import Site

ON_POSTGRESQL = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


class PlantedFile:
    """What creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self._path, "w")


def plant(app: Flask, site: Site, path: Path) -> int:
    """Replace every cached value and every version by a pickle, in the form of the release before; how many."""
    poison = b"!" + pickle.dumps(PlantedFile(path))
    if not (url := site.environ.get("REDIS_URL")):
        values = cache.cache._cache
        for key, (expires, _) in list(values.items()):
            values[key] = (expires, poison[1:])
        return len(values)
    with redis.Redis.from_url(url) as client:
        # The counters of limits are numbers, which nobody decodes; counts of the cache are a hash.
        keys = [key for key in client.scan_iter("evently:*") if client.type(key) == b"string"]
        for key in keys:
            client.set(key, poison, keepttl=True)
            # The place where the release before would look.
            client.set(key.replace(b"evently:msgpack:", b"evently:"), poison, ex=60)
        return len(keys)


def test_a_planted_pickle_is_never_loaded(app: Flask, site: Site, client: FlaskClient, tmp_path: Path):
    planted = tmp_path / "planted"
    with pytest.MonkeyPatch.context() as patch:
        # The bomb works: this is what loading it does.
        patch.chdir(tmp_path)
        pickle.loads(pickle.dumps(PlantedFile(tmp_path / "proof"))).close()
        assert (tmp_path / "proof").exists()
    user = make_user()
    event = make_event()
    make_booking(user=user, event=event)
    log_in(client, user)
    pages = ["/", f"/events/{event.id}", "/bookings", "/account"]
    reads = ["/api/user/events/", f"/api/user/events/{event.id}/", "/api/user/bookings/", "/api/user/auth/me/"]

    def ask_for_everything() -> list[int]:
        statuses = [client.get(page).status_code for page in pages]
        return statuses + [app.test_client().get(read, headers=auth(user)).status_code for read in reads for _ in range(2)]

    before = ask_for_everything()
    assert plant(app, site, planted) >= 4
    assert ask_for_everything() == before
    assert not planted.exists()
    # What was planted was replaced, and the cache works again.
    assert [get_or_set("a:1", lambda: 1, tags=("x",), seconds=60) for _ in range(2)] == [1, 1]


VALUES = {
    "datetime": dt.datetime(2026, 3, 29, 2, 30, 0, 123, tzinfo=dt.UTC),
    "datetime of a zone": dt.datetime(2026, 7, 1, 20, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    "naive datetime": dt.datetime(2026, 7, 1, 20),  # noqa: DTZ001
    "date": dt.date(2026, 12, 31),
    "decimal": Decimal("19.90"),
    "decimal of no value": Decimal("NaN"),
    "uuid": uuid.UUID(int=7),
    "markup": Markup("<b>bold</b>"),
    "text": "Ö \x00 \ud800",
    "bytes": b"\x00\xff!",
    "nested": {"a": [1, 2.5, None, True, {"b": [Decimal(1), "x"]}], 7: "seven"},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_every_type_comes_back_as_it_was(value: object):
    found = decode(encode({"value": value}))["value"]
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_a_tuple_comes_back_as_a_list():
    assert decode(encode((1, (2,)))) == [1, [2]]


def test_a_zone_comes_back_as_its_offset():
    moment = dt.datetime(2026, 7, 1, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    assert decode(encode(moment)) == moment


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value", [object(), Colour.RED, {1, 2}, dt.timedelta(1), PlantedFile(Path("x"))], ids=lambda value: type(value).__name__
)
def test_any_other_type_is_refused_when_it_is_written(app: Flask, value: object):
    with pytest.raises(TypeError, match="cannot be cached"):
        get_or_set("a:1", lambda: [value], tags=("x",), seconds=60)


GARBAGE = {
    "nothing": b"",
    "a pickle": pickle.dumps([1, 2]),
    "a pickle as the release before wrote it": b"!" + pickle.dumps([1, 2]),
    "half of a value": encode([1, "x" * 50])[:-3],
    "two values": encode(1) + encode(2),
    "nested too deeply": b"\x91" * 100_000,
    "a size that is not there": b"\xdd\xff\xff\xff\xff",
    "an unknown extension": b"\xc7\x01\x63x",
    "a decimal that is none": b"\xc7\x01\x03x",
    "a date that is none": b"\xc7\x01\x02x",
    "bytes that are no text": b"\xa2\xff\xfe",
    "an unhashable key": b"\x81\x90\x01",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_what_cannot_be_decoded_is_a_miss(data: bytes):
    with pytest.raises(ValueError, match="not a cached value"):
        decode(data)
    assert cache_serializer()(data) is None


def cache_serializer() -> Callable[[bytes], object]:
    from evently.cache_values import Serializer  # noqa: PLC0415

    return Serializer().loads


@pytest.mark.parametrize("value", [7, "x", [], [1], [[], 1, 2, 3], {"a": 1}, [None, None, None], [["x"], "x", 1]], ids=repr)
def test_a_value_that_remember_has_not_written_is_a_miss(app: Flask, value: object):
    assert get_or_set("a:1", lambda: 1, tags=("x",), seconds=60) == 1
    cache.set(tagged_cache._cache_key("a:1"), value)
    assert get_or_set("a:1", lambda: 2, tags=("x",), seconds=60) == 2


def as_before(client: redis.Redis, name: str) -> None:
    """What the release before does when something changes: a version that is the pickle of a text."""
    client.set(f"evently:version:{name}", b"!" + pickle.dumps(uuid.uuid4().hex[:16]), ex=3600)


@ON_POSTGRESQL
def test_two_releases_side_by_side_see_each_others_changes(app: Flask, site: Site):
    """In a rolling upgrade both write into one Redis: their values lie apart, their versions do not."""
    values = iter(range(10))
    with redis.Redis.from_url(site.environ["REDIS_URL"]) as client:
        assert [get_or_set("a:1", lambda: next(values), tags=("x",), seconds=60) for _ in range(2)] == [0, 0]
        as_before(client, "x")
        assert [get_or_set("a:1", lambda: next(values), tags=("x",), seconds=60) for _ in range(2)] == [1, 1]
        before = client.get("evently:version:x")
        invalidate("x")
        after = client.get("evently:version:x")
        assert after != before
        # The release before takes it for bytes: it neither begins with the mark of a pickle nor is it a number.
        assert re.fullmatch(rb"w[0-9a-f]{16}", after)
        assert not list(client.scan_iter("evently:kept:*"))


def test_no_module_of_the_site_reads_pickles():
    sources = [ROOT / "config.py", ROOT / "wsgi.py", *(ROOT / "evently").rglob("*.py")]
    pattern = re.compile(r"\b(c?pickle|dill|shelve|marshal|jsonpickle)\b.*|yaml\.(unsafe_)?load\b", re.IGNORECASE)
    found = {
        path.name: match[0]
        for path in sources
        for line in path.read_text().splitlines()
        if (match := pattern.search(line)) and "import" in line
    }
    assert found == {}
    assert "pickle" in sys.modules
