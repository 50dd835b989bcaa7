"""flask cache stats, warm and clear; flask seed-load."""

import re

import pytest

from evently import circuit_breaker
from evently.bookings import consistency
from evently.bookings.models import Booking
from evently.events import queries
from evently.events.cache_tags import EVENTS
from evently.events.filters import EventFilters
from evently.events.models import Event
from evently.extensions import cache, db
from evently.tagged_cache import get_or_set
from tests.factories import make_event

ON_POSTGRESQL = pytest.mark.parametrize("site", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


@pytest.fixture
def run(app):
    def call(*words: object, keys: str | None = None):
        return app.test_cli_runner().invoke(args=[str(word) for word in words], input=keys)

    return call


def kept() -> str:
    return get_or_set("list:x", lambda: "new", tags=(EVENTS,), seconds=60)


def test_clear_throws_everything_away(run):
    get_or_set("list:x", lambda: "old", tags=(EVENTS,), seconds=60)
    assert kept() == "old"
    done = run("cache", "clear")
    assert done.exit_code == 0, done.output
    assert kept() == "new"


@ON_POSTGRESQL
def test_clear_leaves_what_is_not_the_caches(run):
    cache.cache._write_client.set("evently:booking-lock:1", "held")
    kept()
    assert "1 answers thrown away" in run("cache", "clear").output
    assert cache.cache._read_client.get("evently:booking-lock:1") == b"held"


@ON_POSTGRESQL
def test_stats_and_warm(run):
    for _ in range(3):
        make_event()
    warmed = run("cache", "warm", "--events", 2)
    assert "2 lists and 2 events are kept." in warmed.output
    lines = {line.split()[0]: line.split()[1:] for line in run("cache", "stats").output.splitlines()}
    assert lines["event"][0] == "2"
    assert int(lines["list"][0]) >= 2
    assert re.fullmatch(r"\d+", lines["event"][1])


@ON_SQLITE
@pytest.mark.parametrize("command", ["stats", "warm"])
def test_the_memory_of_one_process_is_not_seen_from_another(run, command):
    done = run("cache", command)
    assert done.exit_code == 0
    assert "memory of its web server" in done.output


@ON_POSTGRESQL
def test_a_server_that_is_away_is_named(run, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "_open_until", float("inf"))
    assert "away" in run("cache", "stats").output


def test_a_full_site_keeps_the_rules_and_is_found(run):
    done = run("seed-load", "--events", 600, "--bookings", 900)
    assert done.exit_code == 0, done.output
    assert db.session.query(Event).count() == 600
    assert db.session.query(Booking).count() == 900
    assert list(consistency.check()) == []
    page = queries.list_public_events(EventFilters(is_upcoming=True, search="rivers"))
    assert 0 < page.total < 600
    assert {booking.status for booking in db.session.query(Booking)} >= {"confirmed", "cancelled"}


def test_a_site_that_is_in_use_is_filled_only_on_request(run):
    make_event()
    assert run("seed-load", "--events", 3, "--bookings", 0, keys="n\n").exit_code == 1
    assert db.session.query(Event).count() == 1
    assert run("seed-load", "--events", 3, "--bookings", 2, "--yes").exit_code == 0
    assert list(consistency.check()) == []


def test_an_empty_load_is_none(run):
    assert run("seed-load", "--events", 0, "--bookings", 5).exit_code == 0
    assert db.session.query(Booking).count() == 0
