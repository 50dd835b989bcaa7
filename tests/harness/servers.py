"""A PostgreSQL and a Redis-compatible server: those that TEST_DATABASE_URL and TEST_REDIS_URL name, or our own."""

import contextlib
import os
import re
from collections.abc import Iterator

import sqlalchemy as sa

from evently.config_urls import database_url_from
from evently.launch.postgres import Postgres
from evently.launch.valkey import Valkey
from tests.harness.parts import require


@contextlib.contextmanager
def database_server() -> Iterator[str]:
    """The address of a database on a running server, where other databases may be made."""
    require("postgresql")
    if named := os.environ.get("TEST_DATABASE_URL"):
        yield named
    else:
        with Postgres.temporary() as server:
            yield server.url


@contextlib.contextmanager
def new_database(server_url: str, name: str) -> Iterator[str]:
    """An empty database of that name, dropped at the end."""
    engine = sa.create_engine(database_url_from({"DATABASE_URL": server_url}), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        yield engine.url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def redis_server(worker: str) -> Iterator[str]:
    """The address of a database of its own for this worker of the test run ("gw0", "gw1", … or "master")."""
    require("valkey")
    if named := os.environ.get("TEST_REDIS_URL"):
        number = int("".join(filter(str.isdigit, worker)) or 0) + 1
        yield re.sub(r"/\d*$", "", named) + f"/{number}"
    else:
        with Valkey() as server:
            yield server.url
