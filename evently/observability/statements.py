"""What the database is asked, as far as it can be seen from here: statements that take long, and connections in use."""

import logging
import time
from typing import Any, cast

from flask import Flask
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import QueuePool

from evently.observability import metrics

log = logging.getLogger(__name__)
# characters of a statement that a line holds
MAX_STATEMENT_LENGTH = 2000


def init_app(app: Flask) -> None:
    with app.app_context():
        engines = app.extensions["sqlalchemy"].engines.values()
    for engine in engines:
        _count_connections(engine)
        if app.config["SLOW_QUERY_MS"] > 0:
            _log_slow_query(engine, app.config["SLOW_QUERY_MS"])


def _count_connections(engine: Engine) -> None:
    if not isinstance(engine.pool, QueuePool):
        return
    metrics.set_max_connections(engine.pool.size() + max(0, engine.pool._max_overflow))  # noqa: SLF001 - nowhere else is it told
    # Asked each time instead of added up: connections that fail come back without having been taken.
    event.listen(engine, "checkout", lambda *_: metrics.set_connections(_taken(engine)))
    # Told of a connection before the pool has it.
    event.listen(engine, "checkin", lambda *_: metrics.set_connections(_taken(engine) - 1))


def _taken(engine: Engine) -> int:
    # Not the pool of above: it is another one once connections were thrown away.
    return cast("QueuePool", engine.pool).checkedout()


def _log_slow_query(engine: Engine, most: float) -> None:
    """`most` is in milliseconds. The statement is told as it was written, with the names of its values in their place."""

    @event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: Connection, _cursor: Any, _statement: str, _values: Any, context: Any, _are_many: bool) -> None:  # noqa: FBT001 - SQLAlchemy's
        context.began = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(_connection: Connection, _cursor: Any, statement: str, _values: Any, context: Any, _are_many: bool) -> None:  # noqa: FBT001 - SQLAlchemy's
        taken = 1000 * (time.perf_counter() - context.began)
        if taken >= most:
            metrics.count_slow_statement()
            log.warning("Slow statement", extra={"ms": round(taken), "statement": " ".join(statement.split())[:MAX_STATEMENT_LENGTH]})
