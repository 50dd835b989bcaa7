"""Fixtures. A test that asks for `app`, or for anything built on it, runs on SQLite and on PostgreSQL.

In the test's own process
    app       the application with its context pushed, on a database that is empty but for the schema; caches,
              limits and queues are empty too. Celery's tasks are published and nobody takes them: `decide(event)`
    site      the same with its database's name ("sqlite", "postgresql") and the variables other processes need
    client    a test client; each request has a context of its own. Loaded objects show what a request changed
    visitor   a person without JavaScript: `visitor.submit("/login", {"username": …})` takes the CSRF token and the
              other fields from the page's form; `visitor.client` is their test client
    mira      somebody who organizes
    no_limits rate limits are off

In other processes and on real sockets
    smtp_server   takes mail on a socket; the site sends to it. `smtp_server.wait_for(1)[0]["Subject"]`
    live_server   the address of a production web server and a Celery worker on the test's database, sending their
                  mail to `smtp_server`; on SQLite both are one process, as in `make run`
    new_page      makes pages of a headless Chromium that visits `live_server`: `new_page(javascript=False, width=390)`
    page          one such page, with JavaScript

Factories, `log_in`, `auth`, `decide` are plain functions of tests/factories.py. `require("chromium")` of
tests/harness/parts.py skips a test for want of a part, or fails it where CI=true.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from evently.accounts import passwords
from evently.accounts.models import User
from evently.extensions import limiter
from evently.launch.ports import free_port
from tests.factories import make_organizer
from tests.harness.browser import NewPage, chromium, visits
from tests.harness.live import serving, working
from tests.harness.mail import SmtpServer
from tests.harness.servers import database_server, new_database, redis_server
from tests.harness.site import Site, clean, site_of
from tests.harness.visitor import Visitor

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "master")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Nobody guesses the passwords of tests; what the site's own hashes cost is tried in tests/accounts/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database server where tests may make databases."""
    with database_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server(WORKER) as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data_dir: Path = tmp_path_factory.mktemp(request.param)
    environ = {"SECRET_KEY": "of these tests alone 0123456789abcdef", "EVENTLY_DATA_DIR": str(data_dir)}
    # Most events of tests are in a month, and their doors are open.
    environ["DOOR_OPENS_HOURS"] = "1000000"
    if request.param == "sqlite":
        with site_of("sqlite", environ) as site:
            yield site
        return
    environ["REDIS_URL"] = request.getfixturevalue("redis_url")
    with new_database(request.getfixturevalue("postgresql_url"), f"evently_test_{WORKER}") as url:
        environ["DATABASE_URL"] = url
        with site_of("postgresql", environ) as site:
            yield site


@pytest.fixture
def app(site: Site) -> Iterator[Flask]:
    clean(site)
    with site.app.app_context():
        yield site.app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


@pytest.fixture
def mira(app: Flask) -> User:
    """Somebody who organizes."""
    return make_organizer(first_name="Mira", last_name="Lindqvist")


@pytest.fixture
def no_limits(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", False)


@pytest.fixture
def smtp_server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    server = SmtpServer().start()
    monkeypatch.setitem(app.config, "EMAIL_HOST", server.host)
    monkeypatch.setitem(app.config, "EMAIL_PORT", server.port)
    yield server
    server.stop()


@pytest.fixture
def live_server(app: Flask, site: Site, smtp_server: SmtpServer) -> Iterator[str]:
    # The worker, too, knows where the site is: mails hold links.
    variables = {"PORT": str(free_port()), "EMAIL_HOST": smtp_server.host, "EMAIL_PORT": str(smtp_server.port)}
    with contextlib.ExitStack() as stack:
        if not app.config["EMBEDDED"]:
            stack.enter_context(working(site, **variables))
        yield stack.enter_context(serving(site, **variables))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Browser, live_server: str) -> Iterator[NewPage]:
    with visits(browser, live_server) as new_page:
        yield new_page


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page()
