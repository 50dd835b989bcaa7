"""What is kept is as good as what is worked out anew: never older than a write that is answered, whoever wrote."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from evently import circuit_breaker, tagged_cache
from evently.accounts.models import User
from evently.bookings.cache_tags import SALES
from evently.database import transaction
from evently.events.cache_tags import event_tag
from evently.events.models import Event
from evently.extensions import cache, db
from evently.tagged_cache import get_or_set, invalidate
from tests.factories import decide, make_booking, make_event
from tests.harness.parts import ROOT
from tests.harness.site import Site, apart

ON_POSTGRESQL = pytest.mark.parametrize("site", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)


class Asked:
    """Works out how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def asked(app) -> Asked:
    return Asked()


def test_what_is_kept_is_not_worked_out_again(asked):
    assert [get_or_set("a:1", asked, tags=("x",), seconds=60) for _ in range(3)] == [1, 1, 1]
    assert get_or_set("a:2", asked, tags=("x",), seconds=60) == 2
    assert get_or_set("b:1", asked, tags=("x",), seconds=60) == 3


@pytest.mark.parametrize("value", [None, 0, "", b"\0", [], {"id": uuid.UUID(int=1)}])
def test_every_value_is_kept(app, value):
    given = iter([value])
    assert [get_or_set("a:1", lambda: next(given), tags=("x",), seconds=60) for _ in range(2)] == [value, value]


def test_it_is_kept_for_its_time_and_no_longer(asked):
    assert get_or_set("a:1", asked, tags=("x",), seconds=0.3) == 1
    assert get_or_set("a:1", asked, tags=("x",), seconds=0.3) == 1
    time.sleep(0.35)
    assert get_or_set("a:1", asked, tags=("x",), seconds=0.3) == 2


def test_nothing_is_kept_when_it_is_turned_off(app, asked, monkeypatch):
    monkeypatch.setitem(app.config, "CACHE_ENABLED", False)
    assert [get_or_set("a:1", asked, tags=("x",), seconds=60) for _ in range(2)] == [1, 2]


@ON_POSTGRESQL
def test_a_new_version_of_any_name_ends_it(asked):
    for number, name in enumerate(["x", "y", "x"], start=1):
        assert get_or_set("a:1", asked, tags=("x", "y"), seconds=60) == number
        invalidate(name)
    invalidate("z")
    assert get_or_set("a:1", asked, tags=("x", "y"), seconds=60) == 4


def test_a_write_counts_once_it_is_committed(app, asked):
    assert get_or_set("a:1", asked, tags=event_tag(uuid.UUID(int=1)), seconds=60) == 1
    event = make_event()
    question = {"tags": event_tag(event.id), "seconds": 60}
    before = get_or_set("a:1", asked, **question)
    with contextlib.suppress(KeyError), transaction():
        db.session.get(Event, event.id).name = "Never"
        db.session.flush()
        raise KeyError
    assert get_or_set("a:1", asked, **question) == before
    with transaction():
        db.session.get(Event, event.id).name = "New"
        db.session.flush()
        # What we see in here is ours alone.
        assert get_or_set("a:1", asked, **question) == before + 1
        assert beside(app, lambda: get_or_set("a:1", asked, **question)) == before
    assert get_or_set("a:1", asked, **question) == before + 2


def test_what_was_read_before_a_write_is_not_kept_after_it(app):
    """The race: old is read, somebody writes, old is put away. The next reader must not find it."""
    event = make_event(name="Old")
    reading, written = threading.Event(), threading.Event()

    def read_slowly() -> str:
        name = db.session.scalar(sa.select(Event.name))
        reading.set()
        assert written.wait(10)
        return name

    def ask(work_out: Callable[[], str]) -> str:
        return get_or_set("a:1", work_out, tags=event_tag(event.id), seconds=60)

    slow = []
    thread = threading.Thread(target=lambda: slow.append(_in_context(app, ask, read_slowly)))
    thread.start()
    assert reading.wait(10)
    with transaction():
        db.session.get(Event, event.id).name = "New"
    written.set()
    thread.join()
    assert slow == ["Old"]
    assert apart(ask, lambda: db.session.scalar(sa.select(Event.name))) == "New"


def test_what_a_request_read_first_does_not_make_it_keep_what_is_old(app):
    """A read that is open shows SQLite as it was when it began, whatever is committed meanwhile."""
    event = make_event(name="Old")

    def request() -> None:
        db.session.scalar(sa.select(User.id))
        beside(app, rename)
        assert get_or_set("a:1", lambda: db.session.scalar(sa.select(Event.name)), tags=event_tag(event.id), seconds=60) == "New"

    def rename() -> None:
        with transaction():
            db.session.get(Event, event.id).name = "New"

    apart(request)
    assert apart(lambda: get_or_set("a:1", lambda: "anew", tags=event_tag(event.id), seconds=60)) == "New"


def beside(app, function: Callable[..., object], *args: object) -> object:
    """What another thread gets from this."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(_in_context, app, function, *args).result()


def _in_context(app, function: Callable[..., object], *args: object) -> object:
    with app.app_context():
        return function(*args)


@ON_SQLITE
def test_what_another_process_writes_into_the_file_counts(asked):
    assert [get_or_set("a:1", asked, tags=("x",), seconds=60) for _ in range(2)] == [1, 1]
    statement = "UPDATE alembic_version SET version_num = version_num"
    program = f"import sqlite3; c = sqlite3.connect({db.engine.url.database!r}); c.execute({statement!r}); c.commit()"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 2


@ON_POSTGRESQL
def test_another_process_finds_what_is_kept_and_ends_it(site: Site, asked):
    def elsewhere(program: str) -> str:
        program = f"from wsgi import app\nfrom evently.tagged_cache import *\nwith app.app_context(): print({program})"
        output = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, env=site.process_environ(), text=True)
        return output.strip()

    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 1
    assert elsewhere('get_or_set("a:1", lambda: 7, tags=("x",), seconds=60)') == "1"
    elsewhere('invalidate("x")')
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 2


@pytest.fixture
def away(monkeypatch) -> Iterator[Callable[[], None]]:
    """The cache's server answers nobody, until this is called."""
    monkeypatch.setattr(tagged_cache, "OPEN_SECONDS", 0.05)
    circuit_breaker._record_failure(away_until=time.monotonic() + 60)
    yield lambda: circuit_breaker._record_failure(away_until=0.0)
    circuit_breaker._record_failure(away_until=0.0)


@ON_POSTGRESQL
def test_without_the_server_everything_is_worked_out(asked, away):
    assert [get_or_set("a:1", asked, tags=("x",), seconds=60) for _ in range(2)] == [1, 2]


@ON_POSTGRESQL
def test_what_changes_while_the_server_is_away_is_not_served_when_it_is_back(asked, monkeypatch):
    monkeypatch.setattr(tagged_cache, "OPEN_SECONDS", 0.05)
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 1
    circuit_breaker._record_failure(away_until=time.monotonic() + 60)
    invalidate("x")
    circuit_breaker._record_failure(away_until=0.0)
    # This process knows at once, others as soon as it has told the server.
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 2
    for _ in range(100):
        if not tagged_cache.current_app.extensions["versions"]._pending:
            break
        time.sleep(0.05)
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 3
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 3


@ON_POSTGRESQL
def test_a_lost_word_ends_what_was_kept_under_it(asked):
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 1
    cache.cache._write_client.delete("evently:version:x")
    assert get_or_set("a:1", asked, tags=("x",), seconds=60) == 2


@ON_SQLITE
def test_the_watching_connection_holds_nothing(app, asked):
    get_or_set("a:1", asked, tags=("x",), seconds=60)
    with sqlite3.connect(db.engine.url.database, timeout=0.1) as connection:
        connection.execute("BEGIN EXCLUSIVE")
    connection.close()


def test_decisions_renew_once_for_a_batch(app, monkeypatch):
    event = make_event(capacity=50)
    for _ in range(5):
        make_booking(event=event, decided=False)
    renewed = []
    versions = app.extensions["versions"]
    monkeypatch.setattr(versions, "bump", lambda names: renewed.append(list(names)))
    decide(event)
    assert renewed == [sorted([SALES, f"sales:{event.id}"])]
