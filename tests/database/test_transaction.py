"""What `transaction()` promises: all or nothing, callbacks after the commit only, and writers that wait for each other."""

import contextlib
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from evently.accounts.models import User
from evently.database import on_commit, single_statement, transaction
from evently.events.models import TicketStock
from evently.events.services import lock_inventory
from evently.extensions import db
from tests.factories import make_event, make_user
from tests.harness.site import fresh


class Boom(Exception):
    pass


def fail() -> None:
    raise Boom


def usernames() -> set[str]:
    """As another connection sees them."""
    with db.engine.connect() as connection:
        return set(connection.scalars(sa.select(User.username)))


def add(username: str) -> None:
    db.session.add(User(username=username, email=f"{username}@example.org", password_hash="-"))


def test_commits_what_the_block_did(app):
    with transaction():
        add("ada")
        assert usernames() == set()
    assert usernames() == {"ada"}


def test_keeps_nothing_of_a_block_that_raises(app):
    def add_and_fail() -> None:
        with transaction() as session:
            add("ada")
            session.flush()
            raise Boom

    with pytest.raises(Boom):
        add_and_fail()
    assert usernames() == set()
    with transaction():
        add("bob")
    assert usernames() == {"bob"}


def test_a_block_within_a_block_joins_the_outer_one(app):
    with transaction():
        add("ada")
        with transaction():
            add("bob")
        assert usernames() == set()
    assert usernames() == {"ada", "bob"}


def test_the_outer_block_takes_the_inner_one_back(app):
    def add_and_fail() -> None:
        with transaction():
            with transaction():
                add("ada")
            raise Boom

    with pytest.raises(Boom):
        add_and_fail()
    assert usernames() == set()


def test_callbacks_run_in_order_after_the_commit(app):
    seen = []
    with transaction():
        add("ada")
        on_commit(lambda: seen.append(("first", usernames())))
        with transaction():
            on_commit(lambda: seen.append(("second", usernames())))
        assert seen == []
    assert seen == [("first", {"ada"}), ("second", {"ada"})]


def test_callbacks_do_not_run_after_a_rollback(app):
    seen = []

    def tell_and_fail() -> None:
        with transaction():
            on_commit(lambda: seen.append("told"))
            raise Boom

    with pytest.raises(Boom):
        tell_and_fail()
    with transaction():
        add("ada")
    assert seen == []


def test_a_callback_that_fails_stops_no_other_and_takes_nothing_back(app, caplog):
    seen = []
    with transaction():
        add("ada")
        on_commit(lambda: seen.append("first"))
        on_commit(fail)
        on_commit(lambda: seen.append("last"))
    assert seen == ["first", "last"]
    assert usernames() == {"ada"}
    assert "Boom" in caplog.text


def test_a_callback_of_a_savepoint_that_is_rolled_back_does_not_run(app):
    seen = []
    with transaction() as session:
        on_commit(lambda: seen.append("before"))
        with contextlib.suppress(Boom), session.begin_nested():
            on_commit(lambda: seen.append("within"))
            with session.begin_nested():
                add("ada")
                on_commit(lambda: seen.append("further within"))
            fail()
        on_commit(lambda: seen.append("after"))
    assert seen == ["before", "after"]
    assert usernames() == set()


def test_a_callback_of_a_savepoint_that_is_kept_runs(app):
    seen = []
    with transaction() as session:
        with session.begin_nested():
            on_commit(lambda: seen.append("outer"))
            with contextlib.suppress(Boom), session.begin_nested():
                on_commit(lambda: seen.append("inner"))
                fail()
            with transaction():
                on_commit(lambda: seen.append("joined"))
        assert seen == []
    assert seen == ["outer", "joined"]


def test_a_callback_that_fails_at_once_does_not_fail_its_caller(app, caplog):
    on_commit(fail)
    assert "Boom" in caplog.text


def test_a_callback_may_begin_a_transaction_of_its_own(app):
    with transaction():
        add("ada")
        on_commit(lambda: make_user(username="bob"))
    assert usernames() == {"ada", "bob"}


def test_without_a_transaction_a_callback_runs_at_once(app):
    seen = []
    on_commit(lambda: seen.append("told"))
    assert seen == ["told"]


def test_changes_made_outside_are_refused(app):
    user = make_user()
    user.first_name = "Ada"
    with pytest.raises(RuntimeError, match="outside of transaction"), transaction():
        pass
    fresh()
    assert user.first_name == ""


def test_a_transaction_sees_what_others_committed_after_an_earlier_read(app):
    user = make_user()
    assert db.session.scalar(sa.select(User.first_name)) == ""

    def rename() -> None:
        with transaction() as session:
            session.execute(sa.update(User).values(first_name="Ada"))

    in_thread(app, rename)
    with transaction() as session:
        assert session.scalar(sa.select(User.first_name).where(User.id == user.id)) == "Ada"


def test_what_was_loaded_stays_usable_after_the_commit(app):
    with transaction():
        add("ada")
    user = db.session.scalars(sa.select(User)).one()
    with transaction():
        pass
    statements: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    assert user.username == "ada"
    assert statements == []


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_on_sqlite_a_writer_holds_the_lock_from_its_first_statement(app):
    # A connection of its own, which does not wait.
    impatient = sa.create_engine(db.engine.url, connect_args={"timeout": 0}, poolclass=sa.NullPool)
    with transaction(), impatient.connect().execution_options(is_writer=True) as other, pytest.raises(OperationalError, match="locked"):
        other.execute(sa.delete(User))


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_on_sqlite_nothing_acknowledged_is_lost_with_the_power(app, tmp_path):
    # An engine of its own: the one of the tests trades this for speed.
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'durable.sqlite3'}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_concurrent_changes_under_the_lock_are_all_counted(app):
    event = make_event(capacity=100)

    def take_five_seats(_: int) -> None:
        for _seat in range(5):
            with transaction():
                (row,) = lock_inventory(event_id)
                row.reserved += 1

    event_id = event.id
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: contextvars.Context().run(in_app, app, take_five_seats, number), range(4)))
    fresh()
    assert db.session.scalars(sa.select(TicketStock.reserved)).one() == 20


def test_a_single_statement_commits_by_itself(app):
    with single_statement() as connection:
        connection.execute(sa.insert(User).values(username="ada", email="ada@example.org", password_hash="-"))
    assert usernames() == {"ada"}


def test_a_single_statement_is_refused_inside_a_transaction(app):
    with pytest.raises(RuntimeError, match="inside transaction"), transaction(), single_statement():
        pass


def in_app(app: Flask, function: Callable[..., None], *args: object) -> None:
    with app.app_context():
        function(*args)


def in_thread(app: Flask, function: Callable[[], None]) -> None:
    thread = threading.Thread(target=in_app, args=(app, function))
    thread.start()
    thread.join()
