"""The site in containers, as its operator and its visitors reach it."""

import contextlib
import http.client
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "tickets.example.org"
# Makes accounts with tokens, past the limits of registering, and prints the tokens. Run within the container.
SEED = """
import json, secrets, sys
from wsgi import app
from evently.accounts.models import ApiToken, User
from evently.accounts.queries import token_sha256
from evently.database import transaction, utc_now

people = int(sys.argv[1])
with app.app_context():
    mark, now, tokens = secrets.token_hex(4), utc_now(), [secrets.token_hex(20) for _ in range(people + 1)]
    with transaction() as session:
        for number, token in enumerate(tokens):
            name = f"rush-{mark}-{number}"
            user = User(username=name, email=f"{name}@example.org", password_hash="x", email_confirmed_at=now, is_organizer=not number)
            session.add(user)
            session.flush()
            session.add(ApiToken(user_id=user.id, name="rush", token_sha256=token_sha256(token)))
    print("TOKENS " + json.dumps(tokens))
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection(http.client.HTTPSConnection):
    """To the proxy on this machine, without resolving its name or verifying its self-signed certificate."""

    def __init__(self, *, timeout: float = 30.0, port: int = 443) -> None:
        super().__init__(NAME, port, timeout=timeout, context=ssl._create_unverified_context())

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=NAME)


class Project:
    address = f"https://{NAME}"

    def __init__(self, site: Path) -> None:
        self.site = site

    def configure(self) -> None:
        """As an operator does: `.env` from `.env.example`, and a certificate."""
        text = (self.site / ".env.example").read_text()
        # All requests of a rush come from one address.
        values = {"SITE_URL": f"https://{NAME}", "RATELIMIT_DEFAULT": "1000000 per minute"}
        values |= {"EMAIL_HOST": "mailcatcher", "EMAIL_PORT": "1025", "EMAIL_USE_TLS": "false"}
        for name in ("SECRET_KEY", "DB_PASSWORD", "REDIS_PASSWORD"):
            values[name] = secrets.token_hex(24)
        for name, value in values.items():
            text, number = re.subn(rf"^#?{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            assert number == 1, name
        (self.site / ".env").write_text(text)
        self.run("deploy/self-signed.sh", NAME)

    def run(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """A command in the checkout."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EVENTLY")} | options.pop("env", {})
        done = subprocess.run(words, cwd=self.site, env=environ, text=True, capture_output=True, check=False, **options)
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def compose(self, *words: str, **options: Any) -> str:
        return self.run("docker", "compose", *words, **options).stdout.strip()

    def flask(self, *words: str, **options: Any) -> str:
        return self.compose("exec", "-T", "web", "flask", *words, **options)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def inspect(self, container: str, template: str) -> str:
        return self.run("docker", "inspect", "--format", template, container).stdout.strip()

    def is_healthy(self, service: str) -> bool:
        found = self.containers(service)
        return bool(found) and all(self.inspect(one, "{{.State.Health.Status}}") == "healthy" for one in found)

    def sql(self, statement: str, database: str = "evently") -> str:
        words = ("psql", "--no-psqlrc", "-tA", "-U", "evently", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement)
        return self.compose("exec", "-T", "postgres", *words)

    def make_sale(self, *, people: int, seats: int) -> tuple[str, list[str]]:
        """An event with so many seats, and the tokens of people who want one."""
        output = self.compose("exec", "-T", "web", "python", "-", str(people), input=SEED)
        organizer, *buyers = json.loads(output.partition("TOKENS ")[2])
        event = {"name": "A rush", "venue": "The hall", "time": "2031-05-04T20:00:00Z", "capacity": seats, "price_per_ticket": 10}
        made = self.ask("POST", "/api/admin/events/", body=event, token=organizer)
        assert made.status == 201, made.body
        return made.json["event_id"], buyers

    def ask(self, method: str, path: str, *, body: Any = None, token: str = "", port: int = 443, **headers: str) -> Answer:
        with contextlib.closing(Connection(port=port)) as connection:
            if token:
                headers["Authorization"] = f"Token {token}"
            data = body if isinstance(body, bytes) else None
            if body is not None and data is None:
                data, headers["Content-Type"] = json.dumps(body), "application/json"
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def remove(self) -> None:
        self.run("docker", "compose", "--profile", "*", "down", "--volumes", "--timeout", "5", check=False)


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> float:
    """The seconds until this is so."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"{what}: not within {seconds:g} seconds"
        time.sleep(0.5)
    return time.monotonic() - started


def report(text: str) -> None:
    """For docs/operations.md; shown with `dev/containers.sh -s`."""
    print(text)  # noqa: T201
