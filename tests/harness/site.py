"""The site on one database, and what makes it new again between two tests.

Services commit for real, and threads and other processes take part in tests, so nothing is rolled back: all rows are
deleted before each test. That takes a few milliseconds.
"""

import contextlib
import contextvars
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import flask_migrate
import pytest
import redis
import sqlalchemy as sa
from flask import Flask, current_app, has_app_context
from flask.testing import FlaskClient
from kombu.transport.memory import Channel
from werkzeug.test import TestResponse

from config import VARIABLES, load_settings
from evently import circuit_breaker, create_app
from evently.extensions import cache, db, limiter
from evently.notifications import wakeups

Result = TypeVar("Result")
# For tests of what the database has no say in.
on_sqlite = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


class Client(FlaskClient):
    """A test client that leaves the test's own session and `g` alone, and shows the test what the request changed."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        # A new context, as a server gives each request: the test's application context would lend it the same
        # session, and the same cached user.
        response = contextvars.Context().run(super().open, *args, **{"buffered": True} | kwargs)
        # A redirect that is followed comes through here again, inside the context of the request before.
        if has_app_context():
            fresh()
        return response


@dataclass
class Site:
    """One application on one database. `environ` is what another process needs to be the same site."""

    database: str
    environ: dict[str, str]
    app: Flask

    def process_environ(self, **more: str) -> dict[str, str]:
        """For a process of its own; names every setting, so that a developer's `.env` changes nothing."""
        return {**os.environ, **dict.fromkeys(VARIABLES, ""), **self.environ, **more}


@contextlib.contextmanager
def site_of(database: str, environ: dict[str, str]) -> Iterator[Site]:
    """The application these variables make, its schema made by the migrations."""
    app = create_app(load_settings(environ))
    app.test_client_class = Client
    # Tests decide when they want it.
    app.config["DECISION_WAIT_MS"] = 0
    with app.app_context():
        if database == "sqlite":
            sa.event.listen(db.engine, "connect", _give_up_durability)
        flask_migrate.upgrade()
    yield Site(database, environ, app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    if "REDIS_URL" in environ:
        _redis(environ["REDIS_URL"]).close()


def _give_up_durability(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def clean(site: Site) -> None:
    """Nothing in the database, the cache, the limiter and the broker, and nothing that a process remembers of them."""
    with site.app.app_context():
        _delete_all_rows()
        if url := site.environ.get("REDIS_URL"):
            _clean_redis(url)
        else:
            cache.clear()
            limiter.reset()
            for queue in Channel.queues.values():
                queue.queue.clear()
        # What no test that went before may leave: words that are owed to a server that was away, a message sent a moment ago.
        getattr(site.app.extensions["versions"], "_pending", set()).clear()
        site.app.extensions["readiness"].forget()
    circuit_breaker._open_until = wakeups._latest = 0.0


def _delete_all_rows() -> None:
    statements = [f"DELETE FROM {table.name}" for table in reversed(db.metadata.sorted_tables)]
    with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
        # PostgreSQL takes all of them in one round trip; SQLite is in this process.
        for statement in ["; ".join(statements)] if db.engine.name == "postgresql" else statements:
            connection.exec_driver_sql(statement)


def _clean_redis(url: str) -> None:
    client = _redis(url)
    # Not the bindings of the queues: whoever has declared them will not do so again.
    keys = [key for key in client.scan_iter(count=1000) if not key.startswith(b"_kombu")]
    if keys:
        client.delete(*keys)


@functools.cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def apart(function: Callable[..., Result], *args: Any) -> Result:
    """Call this as a task or a request is called: in an application context, and with a session, of its own."""

    def call(app: Flask) -> Result:
        with app.app_context():
            return function(*args)

    result = contextvars.Context().run(call, current_app._get_current_object())  # type: ignore[attr-defined]
    fresh()
    return result


def fresh() -> None:
    """What was loaded is read anew when it is next looked at."""
    # A rollback alone expires nothing where no transaction was begun.
    db.session.rollback()
    db.session.expire_all()
