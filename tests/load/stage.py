"""What a benchmark plays on: servers of its own from the wheels, the site in its production shape, people and seats."""

import contextlib
import datetime as dt
import hashlib
import json
import os
import platform
import secrets
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import insert

from config import ROOT, load_settings
from evently import create_app
from evently.accounts.models import ApiToken, User
from evently.database import transaction, utc_now
from evently.events.models import Event
from evently.events.services import create_event
from evently.launch.ports import free_port
from evently.launch.postgres import Postgres
from evently.launch.supervisor import Service, Supervisor
from evently.launch.valkey import Valkey
from evently.launch.webserver import wait_for_answer, web_processes, web_service

SERVER_PARTS = ("granian", "flask", "sqlalchemy", "psycopg2-binary", "celery", "redis")


@dataclass
class Stage:
    """The site's application in this process, and what other processes need to take part."""

    app: Flask
    environ: dict[str, str]
    supervisor: Supervisor
    services: list[Service] = field(default_factory=list)

    def start_web(self, *target: str, workers: int | None = None) -> tuple[str, int]:
        """A production web server for this target; where it listens."""
        port = free_port()
        environ = {**self.environ, "PORT": str(port)}
        settings = load_settings(environ)
        web = web_service(settings, *(target or ("wsgi:app",)), environ=environ, workers=workers or web_processes(), kill_after=3)
        self.start(web)
        wait_for_answer(web, settings)
        return settings.HOST, port

    def start_worker(self, queues: str) -> None:
        """A Celery worker by the command anybody would type."""
        command = [sys.executable, "-m", "celery", "-A", "wsgi", "worker", "-Q", queues, "-n", f"{queues}@%h", "--pool", "threads"]
        command += ["--concurrency", "4", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
        self.start(Service(f"The worker for {queues}", command, env=self.environ, cwd=ROOT))

    def start_beat(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "wsgi", "beat", "--pidfile=", "--loglevel", "WARNING"]
        self.start(Service("The beat", command, env=self.environ, cwd=ROOT))

    def start(self, service: Service) -> None:
        self.services.append(service)
        self.supervisor.start(service)


@contextlib.contextmanager
def stage(**variables: str) -> Iterator[Stage]:
    """Durable PostgreSQL, Valkey and a migrated database, all gone at the end."""
    with contextlib.ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="evently-bench-"))
        postgres = stack.enter_context(Postgres.temporary(durable=True))
        valkey = stack.enter_context(Valkey())
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_hex(32),
            "EVENTLY_DATA_DIR": data_dir,
            # All requests come from one address.
            "NETWORK_RATE_LIMIT": "10000000 per minute",
            "ANONYMOUS_RATE_LIMIT": "10000000 per minute",
            **variables,
        }
        app = create_app(load_settings(environ))
        supervisor = stack.enter_context(Supervisor())
        with app.app_context():
            upgrade(str(ROOT / "migrations"))
            yield Stage(app, environ, supervisor)


def make_organizer() -> User:
    organizer = User(username=secrets.token_hex(8), email=f"{secrets.token_hex(8)}@example.org", password_hash="-", is_organizer=True)
    with transaction() as session:
        session.add(organizer)
    return organizer


def make_event(capacity: int) -> Event:
    organizer = make_organizer()
    time = utc_now() + dt.timedelta(days=30)
    return create_event(
        by=organizer,
        fields={"name": "The rush", "venue": "Everywhere", "time": time, "capacity": capacity, "price_per_ticket": Decimal(12)},
    )


def make_buyers(count: int) -> list[tuple[int, str]]:
    """People with a token each: (user id, token)."""
    prefix, now = secrets.token_hex(4), utc_now()
    with transaction() as session:
        people = [
            {"username": f"{prefix}-{n}", "email": f"{prefix}-{n}@example.org", "password_hash": "-", "created_at": now, "updated_at": now}
            for n in range(count)
        ]
        ids = list(session.scalars(insert(User).returning(User.id), people))
        tokens = [secrets.token_hex(20) for _ in ids]
        rows = [
            {
                "user_id": user_id,
                "name": "",
                "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
                "created_at": now,
                "last_used_at": now,
            }
            for user_id, token in zip(ids, tokens, strict=True)
        ]
        session.connection().execute(insert(ApiToken), rows)
    return list(zip(ids, tokens, strict=True))


def booking_body(event_id: uuid.UUID, tickets: int = 1) -> bytes:
    return json.dumps({"event_id": str(event_id), "number_of_tickets": tickets}).encode()


def describe_machine() -> str:
    """Where the numbers come from, for the head of a page."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    versions = ", ".join(f"{name} {version(name)}" for name in SERVER_PARTS)
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}; {versions}; PostgreSQL with fsync on."
    )
