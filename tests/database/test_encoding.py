"""A database that cannot hold every name: a clear sentence before anything is written, and no traceback."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.harness.parts import ROOT
from tests.harness.servers import new_database
from tests.harness.site import Site

pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)


@pytest.fixture
def ascii_database(postgresql_url: str) -> Iterator[str]:
    with new_database(postgresql_url, "evently_ascii") as url:
        server = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg2:").replace("evently_ascii", "postgres"), isolation_level="AUTOCOMMIT"
        )
        with server.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE evently_ascii")
            connection.exec_driver_sql(
                "CREATE DATABASE evently_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
            )
        server.dispose()
        yield url


def flask(site: Site, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    environ = site.process_environ(DATABASE_URL=url)
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_it_is_not_migrated_but_named(site: Site, ascii_database: str):
    done = flask(site, ascii_database, "db", "upgrade")
    assert done.returncode == 1
    assert "evently_ascii has the encoding SQL_ASCII" in done.stderr
    assert "createdb --encoding UTF8 --template template0" in done.stderr
    assert "Traceback" not in done.stderr
    engine = sa.create_engine(ascii_database.replace("postgresql:", "postgresql+psycopg2:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0


def test_the_doctor_names_it(site: Site, ascii_database: str):
    found = flask(site, ascii_database, "doctor").stdout
    assert "TROUBLE database" in found
    assert "createdb --encoding UTF8" in found
