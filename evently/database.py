"""The database: base class, column types, and the one place that commits or rolls back."""

import contextlib
import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, Numeric, Select, event, func, inspect, select
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, scoped_session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

log = logging.getLogger(__name__)
CENT = Decimal("0.01")
# seconds of idleness after which a connection is not trusted
PING_AFTER_IDLE_SECONDS = 1.0
Item = TypeVar("Item")
Row = TypeVar("Row", bound="Base")
# What follows a commit, and the savepoint it depends on.
Callback = tuple[Callable[[], object], SessionTransaction | None]


class UTCDateTime(TypeDecorator[dt.datetime]):
    """A moment: aware datetimes in, UTC in the database, UTC out. Naive datetimes are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, _dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Money(TypeDecorator[Decimal]):
    """An amount with two decimals. SQLite keeps a float, exact to the cent in this range."""

    impl = Numeric(10, 2, asdecimal=False)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        amount = Decimal(value).quantize(CENT)
        return float(amount) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(CENT)


class Base(DeclarativeBase):
    """Every constraint has a name by this convention, so that a migration can find it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Not in the class body: Flask-SQLAlchemy derives a class from it and may not inherit a map of its own.
Base.registry.update_type_annotation_map({dt.datetime: UTCDateTime})


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _session() -> scoped_session[Session]:
    # Imported late: extensions.py builds `db` from the Base above.
    from evently.extensions import db  # noqa: PLC0415

    return cast("scoped_session[Session]", db.session)


def _engine() -> Engine:
    from evently.extensions import db  # noqa: PLC0415

    return db.engine


# How a connection is told that it is to write. PostgreSQL's are in autocommit otherwise, see config.py.
_WRITE_LOCK: dict[str, dict[str, Any]] = {"sqlite": {"is_writer": True}, "postgresql": {"isolation_level": "READ COMMITTED"}}


@contextlib.contextmanager
def transaction() -> Iterator[Session]:
    """Commit what the block did, or nothing of it when it raises; a block within a block joins the outer one.

    A read that came before (loading the logged-in user, say) is ended first, so that the block sees the newest
    state and, on SQLite, holds the write lock from its first statement.
    """
    session = _session()()
    if session.info.get("in_transaction") is not None:
        yield session
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("something was changed outside of transaction()")
    # Not rollback(), which would expire what has been loaded.
    session.commit()
    callbacks = session.info["in_transaction"] = cast("list[Callback]", [])
    try:
        session.connection(execution_options=_WRITE_LOCK[session.get_bind().dialect.name])
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["in_transaction"] = None
    for callback, _ in callbacks:
        _run_callbacks(callback)


@contextlib.contextmanager
def single_statement(*, writes: bool = True) -> Iterator[Connection]:
    """A connection for one statement that commits by itself: half the round trips of a transaction.

    It ends the reads of the session first, whose connection goes back to the pool, so that one request never
    holds two.
    """
    registry = _session()
    # A session is made by its first use, and a buyer's request needs none.
    if registry.registry.has():
        session = registry()
        if session.info.get("in_transaction") is not None:
            raise RuntimeError("a statement that commits by itself inside transaction()")
        session.commit()
    engine = _engine()
    if engine.dialect.name != "sqlite" or not writes:
        with engine.connect() as connection:
            yield connection
        return
    with engine.connect().execution_options(**_WRITE_LOCK["sqlite"]) as connection, connection.begin():
        yield connection


def end_read_transaction() -> None:
    """See the newest from here on: SQLite shows what was there when the session began to read, which may be before a lock."""
    _session()().commit()


def stream_rows(query: Select[*tuple[Any, ...]], portion: int = 500) -> Iterator[Any]:
    """What a query finds, so many rows in memory at a time, all as they were at one moment."""
    end_read_transaction()
    engine = _engine()
    # PostgreSQL keeps a cursor within a transaction only, whose statements would each see another moment.
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(yield_per=portion, **options) as connection:
        yield from connection.execute(query)


def separate_session(row: Row, **relations: Any) -> Row:
    """A copy without a session, which any thread may read and nothing refreshes or expires; with these relations only.

    Deferred columns are left out.
    """
    copy = type(row)(**{column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs if not column.deferred})
    for name, related in relations.items():
        set_committed_value(copy, name, related)
    return copy


def on_commit(callback: Callable[[], object]) -> None:
    """Call this after the current transaction is committed; never when it, or a savepoint around this, is rolled back.

    What is committed stands: a callback that fails is logged, and neither the caller nor later callbacks hear of it.
    """
    session = _session()()
    callbacks = session.info.get("in_transaction")
    if callbacks is None:
        _run_callbacks(callback)
    else:
        callbacks.append((callback, session.get_nested_transaction()))


def _run_callbacks(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        log.exception("What was to follow a commit failed")


@event.listens_for(Session, "after_soft_rollback")
def _forget_callbacks(session: Session, ended: SessionTransaction) -> None:
    if callbacks := session.info.get("in_transaction"):
        callbacks[:] = [(callback, savepoint) for callback, savepoint in callbacks if not is_within(savepoint, ended)]


def is_within(savepoint: SessionTransaction | None, ended: SessionTransaction) -> bool:
    """Whether what was done in one savepoint ended with another."""
    while savepoint and savepoint is not ended:
        savepoint = savepoint.parent
    return savepoint is ended


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        # SQLAlchemy says BEGIN itself (below), so that writers can take the lock at once.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")


@event.listens_for(Engine, "checkin")
def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


@event.listens_for(Engine, "checkout")
def _replace_dead(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ask a connection that was idle whether it still lives; one in steady use need not pay for that each time."""
    if connection is None or time.monotonic() - record.info.get("used_at", math.inf) < PING_AFTER_IDLE_SECONDS:
        return
    try:
        connection.cursor().execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise DisconnectionError from error


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A deferred BEGIN that later writes fails with "database is locked" when another thread wrote meanwhile.
        is_writer = connection.get_execution_options().get("is_writer")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a longer list; `number` counts from 1, `first` and `last` count items from 1."""

    items: Sequence[Item]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        return max(1, math.ceil(self.total / self.size))

    @property
    def has_next(self) -> bool:
        return self.number < self.pages

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1 if self.items else 0


def paginate(query: Select[Any], *, number: int, size: int) -> Page[Any]:
    """The page `number` (from 1) of a query for one entity; a page past the end is empty."""
    session = _session()
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    items = session.scalars(query.limit(size).offset((number - 1) * size)).unique().all()
    return Page(items=items, total=total, number=number, size=size)
