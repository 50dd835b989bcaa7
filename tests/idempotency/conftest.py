import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from evently.accounts.models import User
from evently.bookings.models import Booking
from evently.database import transaction
from evently.events.models import Event
from evently.extensions import db
from evently.idempotency.models import IdempotentRequest
from tests.factories import auth

EVENT = {"name": "Concert", "venue": "Hall", "time": "2031-05-01T20:00:00Z", "capacity": 10}


class Api:
    """JSON requests, each with a key."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._headers: dict[int, dict[str, str]] = {}

    def __call__(self, method: str, path: str, body: Any = None, *, by: User | None = None, key: str) -> TestResponse:
        if by and by.id not in self._headers:
            self._headers[by.id] = auth(by)
        headers = {"Idempotency-Key": key} | (self._headers[by.id] if by else {})
        return self._client.open(f"/api{path}", method=method, json=body, headers=headers)

    def book(self, event: Event, *, by: User, key: str, tickets: int = 1) -> TestResponse:
        return self("POST", "/bookings/", {"event_id": str(event.id), "number_of_tickets": tickets}, by=by, key=key)


@pytest.fixture
def api(client: FlaskClient) -> Api:
    return Api(client)


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def is_replayed(answer: TestResponse) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def bookings() -> list[Booking]:
    return list(db.session.scalars(sa.select(Booking).order_by(Booking.seq)))


def set_request(**values: Any) -> None:
    """Change what is stored of every request with a key."""
    with transaction() as session:
        session.execute(sa.update(IdempotentRequest).values(values))


def contents() -> dict[str, list[Any]]:
    """Every row there is, but for when a token was last used."""
    with db.engine.connect() as connection:
        columns = {table.name: [column for column in table.columns if column.name != "last_used_at"] for table in db.metadata.sorted_tables}
        return {name: sorted(map(repr, connection.execute(sa.select(*chosen)))) for name, chosen in columns.items()}


@contextlib.contextmanager
def broken_bookings(app: Flask) -> Iterator[None]:
    """The table of bookings is gone until the block ends."""
    for before, after in (("bookings", "elsewhere"), ("elsewhere", "bookings")):
        with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
            connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")
        if after == "elsewhere":
            yield
