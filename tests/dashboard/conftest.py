"""People who organize, and how many statements a page needs."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.extensions import db
from tests.factories import log_in
from tests.harness.visitor import Visitor


@pytest.fixture
def desk(app: Flask, mira: User) -> Visitor:
    """Mira's browser, logged in."""
    return Visitor(log_in(app.test_client(), mira))


@pytest.fixture
def desk_of(app: Flask) -> Callable[[User], Visitor]:
    return lambda user: Visitor(log_in(app.test_client(), user))


@pytest.fixture
def statements(app: Flask) -> Callable[[FlaskClient, str], int]:
    """How many statements the database is sent for a page: `statements(client, address)`."""

    def count(client: FlaskClient, address: str) -> int:
        # From the second time on: until then, nobody has noted that this browser is in use.
        client.get(address)
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert client.get(address).status_code == 200
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    return count
