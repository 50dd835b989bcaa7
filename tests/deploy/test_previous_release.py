"""Migrations come before the code: the previous release has to run on the schema of this one (docs/operations.md)."""

import io
import os
import secrets
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from evently.events.models import Event
from evently.launch.ports import free_port
from tests.harness.parts import ROOT
from tests.harness.servers import new_database
from tests.harness.site import Site

SCRIPT = Path(__file__).parent / "previous_release.py"


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=True).stdout


def previous_release() -> str:
    """PREVIOUS_RELEASE, or the latest tag before this commit, or the commit before the newest migration was added."""
    if named := os.environ.get("PREVIOUS_RELEASE"):
        return named
    here = set(git("tag", "--points-at", "HEAD").decode().split())
    tags = [tag for tag in git("tag", "--merged", "HEAD", "--sort=-creatordate").decode().split() if tag not in here]
    if tags:
        return tags[0]
    newest = max((ROOT / "migrations/versions").glob("[0-9]*.py"))
    added = git("log", "--diff-filter=A", "--format=%H", "--max-count=1", "--", f"migrations/versions/{newest.name}").decode().strip()
    # One that is not committed yet came after HEAD.
    return f"{added}^" if added else "HEAD"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A checkout of the previous release."""
    try:
        if git("rev-parse", "--is-shallow-repository").decode().strip() == "true":
            pytest.skip("the previous release is not in a shallow clone: git fetch --unshallow")
        archive = git("archive", "--format=tar", previous_release())
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("the previous release is not here: this is no git repository with its history")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def database_url(postgresql_url: str) -> Iterator[str]:
    with new_database(postgresql_url, "evently_upgraded") as url:
        yield url


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_the_previous_release_runs_on_this_schema(site: Site, release: Path, database_url: str):
    # Without a broker bookings are decided in the request.
    environ = site.process_environ(DATABASE_URL=database_url, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    environ["EVENTLY_PASSWORD"] = secrets.token_urlsafe(16)
    flask = [sys.executable, "-m", "flask", "--app", "wsgi"]

    def run(where: Path, *command: str) -> str:
        done = subprocess.run(command, env=environ | {"PYTHONPATH": str(where)}, cwd=where, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command} in {where}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    run(release, *flask, "db", "upgrade")
    run(release, *flask, "create-superuser", "ada", "ada@example.org")
    run(ROOT, *flask, "db", "upgrade")
    event_id = run(release, sys.executable, str(SCRIPT)).split()[-1]
    assert "balance" in run(release, *flask, "check-ledger")
    # This release goes on with these rows.
    assert "balance" in run(ROOT, *flask, "check-ledger")
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg2:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(Event.name).where(Event.id == event_id)) == "Before"
