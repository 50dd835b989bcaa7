"""Statements that take long have a line: what was asked and of which request, but no values."""

import pytest
import sqlalchemy as sa

from evently.database import single_statement
from evently.extensions import db
from evently.observability import context, statements
from tests.observability.reading import written


@pytest.fixture
def patience(app):
    """Zero milliseconds, while the test lasts."""
    engine = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
    statements._log_slow_query(engine, 0)
    yield engine
    engine.dispose()


def test_a_slow_statement_is_told_without_its_values(patience):
    context.reset(request_id="order-17")
    with written() as lines, patience.connect() as connection:
        connection.execute(sa.text("SELECT id FROM users\n WHERE username = :name"), {"name": "secret value"})
    context.reset()
    line = next(line for line in lines.about("Slow statement") if "users" in line["statement"])
    assert line["statement"].startswith("SELECT id FROM users WHERE username = ")
    assert line["request_id"] == "order-17"
    assert isinstance(line["ms"], int)
    assert "secret value" not in lines.text


def test_quick_ones_are_not(app):
    with written() as lines, single_statement(writes=False) as connection:
        connection.execute(sa.text("SELECT 1"))
    assert lines.text == ""
