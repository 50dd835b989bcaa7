"""PostgreSQL and Valkey from their wheels."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from evently.launch import postgres as module
from evently.launch.postgres import Postgres
from evently.launch.processes import LaunchError
from evently.launch.reaper import is_running
from evently.launch.valkey import Valkey
from tests.harness.parts import require

pytestmark = pytest.mark.xdist_group("launch")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")


@pytest.fixture(autouse=True)
def _servers() -> None:
    require("postgresql")
    require("valkey")


@pytest.fixture
def private_home(tmp_path: Path) -> Iterator[Postgres]:
    """A server whose home lies below a directory that only its owner may pass, as pytest's own are."""
    server = Postgres(tmp_path / "postgres")
    yield server
    server.stop()
    shutil.rmtree(server.home, ignore_errors=True)


def _ask(server: Postgres, sql: str) -> object:
    connection = psycopg2.connect(server.url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def test_data_outlives_the_server_and_is_written_for_good(data_dir: Path) -> None:
    home = data_dir / "postgres"
    with Postgres(home) as server:
        assert server.home == home
        assert _ask(server, "SHOW fsync") == "on"
        _ask(server, "CREATE TABLE kept (id int)")
        pid = server.pid
    assert not is_running(pid)
    with Postgres(home) as server:
        assert _ask(server, "SELECT count(*) FROM kept") == 0


def test_text_is_compared_alike_on_every_system() -> None:
    with Postgres.temporary() as server:
        assert _ask(server, "SHOW server_encoding") == "UTF8"
        assert _ask(server, "SELECT lower('ÄÉŞ') || upper('straße')") == "äéşSTRASSE".replace("SS", "ß", 1)
        home = server.home
    assert not home.exists()


def test_only_who_has_the_password_gets_in() -> None:
    with Postgres.temporary() as server:
        assert (server.home / "password").stat().st_mode & 0o077 == 0
        stranger = server.url.replace(server.password, "guessed")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(stranger)
    with Valkey() as broker:
        with redis.Redis.from_url(broker.url) as client:
            assert client.ping()
        with redis.Redis(port=broker.port) as stranger_client, pytest.raises(redis.AuthenticationError):
            stranger_client.ping()
        pid = broker.pid
    assert not is_running(pid)


def test_a_second_server_on_the_same_data_is_refused(data_dir: Path) -> None:
    with Postgres(data_dir / "postgres", durable=False), pytest.raises(LaunchError, match="already runs"):
        Postgres(data_dir / "postgres").start()


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with Valkey() as other, pytest.raises(LaunchError, match=r"PostgreSQL ended before it was ready.*could not create listen socket"):
        Postgres(data_dir / "postgres", port=other.port, durable=False).start()
    with Valkey() as other, pytest.raises(LaunchError, match=r"(?s)Valkey ended before it was ready.*in use"):
        Valkey(port=other.port).start()


@as_root
def test_roots_private_places_are_gone_around(private_home: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = module._installed()
    package = shutil.copytree(installed.parent, tmp_path / installed.parent.name)
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, tmp_path / libraries.name)
    monkeypatch.setattr(module, "_installed", lambda: package / installed.name)
    private_home.durable = False
    private_home.start()
    assert not private_home.home.is_relative_to(tmp_path)
    assert _ask(private_home, "SELECT 1") == 1
    # The same place every time.
    assert Postgres(tmp_path / "postgres").home == private_home.home
