"""deploy/start-redis.sh, run with a real server in place of the image's: nothing is answered without the password."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from config import load_settings
from evently.launch.ports import free_port
from evently.launch.processes import Child, wait_until
from evently.launch.valkey import _binary
from tests.harness.parts import ROOT, require

PASSWORD = "pass word'\"\\$&/@:%#"
SCRIPT = ROOT / "deploy/start-redis.sh"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """What the image has: its entry point, and the server under its name."""
    require("valkey")
    directory = tmp_path / "programs"
    directory.mkdir()
    (directory / "redis-server").symlink_to(_binary())
    entry_point = directory / "docker-entrypoint.sh"
    entry_point.write_text('#!/bin/sh\nexec "$@"\n')
    entry_point.chmod(0o755)
    # There is no user `redis` on this machine.
    chown = directory / "chown"
    chown.write_text("#!/bin/sh\n")
    chown.chmod(0o755)
    return directory


@pytest.fixture
def server(programs: Path, tmp_path: Path) -> Iterator[tuple[Child, int]]:
    port = free_port()
    environ = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "REDIS_PASSWORD": PASSWORD,
        "REDIS_USERS_FILE": str(tmp_path / "users"),
    }
    with (tmp_path / "log").open("wb") as log:
        child = Child([SCRIPT, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)], env=environ, output=log)
    try:
        wait_until(lambda: _answers(port), child, what="Redis", timeout=20)
        yield child, port
    finally:
        child.stop()


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            client.ping()
    except redis.AuthenticationError:
        return True
    except redis.ConnectionError:
        return False
    return True


def test_nothing_is_answered_without_the_password(server: tuple[Child, int]):
    _, port = server
    for password in (None, "", "wrong", PASSWORD[:-1]):
        with redis.Redis(port=port, password=password) as client, pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            client.set("evently:version:x", "planted")


def test_the_site_reaches_it_with_a_password_of_any_characters(server: tuple[Child, int], tmp_path: Path):
    _, port = server
    environ = {"EVENTLY_DATA_DIR": str(tmp_path), "REDIS_URL": f"redis://127.0.0.1:{port}/0", "REDIS_PASSWORD": PASSWORD}
    settings = load_settings(environ)
    for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL, settings.CACHE_REDIS_URL, settings.RATELIMIT_STORAGE_URI):
        with redis.Redis.from_url((url or "").removeprefix("forgiving+")) as client:
            assert client.ping()
    assert PASSWORD not in repr(settings)


def test_a_password_in_the_url_comes_first(tmp_path: Path):
    environ = {"EVENTLY_DATA_DIR": str(tmp_path), "REDIS_URL": "redis://:inside@cache/0", "REDIS_PASSWORD": PASSWORD}
    assert load_settings(environ).REDIS_URL == "redis://:inside@cache/0"


def test_the_password_is_in_no_argument_and_no_environment_of_the_server(server: tuple[Child, int], tmp_path: Path):
    child, _ = server
    process = psutil.Process(child.pid)
    assert PASSWORD not in " ".join(process.cmdline())
    assert PASSWORD not in process.environ().values()
    users = tmp_path / "users"
    assert users.stat().st_mode & 0o077 == 0
    assert PASSWORD not in users.read_text()


def test_it_does_not_start_without_a_password(programs: Path, tmp_path: Path):
    environ = {"PATH": f"{programs}:{os.environ['PATH']}", "REDIS_PASSWORD": "", "REDIS_USERS_FILE": str(tmp_path / "users")}
    done = subprocess.run([SCRIPT], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Set REDIS_PASSWORD" in done.stderr
