"""A deploy in the middle of a sale: every process is replaced, nobody hears of it, and what was begun is finished."""

import os
import signal
import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from evently.launch.supervisor import Service
from evently.launch.valkey import Valkey
from tests.faults.consistency import Books, until
from tests.faults.parts import Web, workers_waiting
from tests.faults.sale import THREADS, Sale
from tests.harness.site import Site

pytestmark = pytest.mark.xdist_group("faults")

# A connection that is kept open ends with its process; whoever uses it just then asks again, with the same key.
BETWEEN_REQUESTS = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}


def children(web: Web) -> set[str]:
    assert web.service.child, "not started"
    pid = web.service.child.pid
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def ask_to_stop(part: Service) -> None:
    assert part.child, "not started"
    os.kill(part.child.pid, signal.SIGTERM)


def refuses(web: Web) -> bool:
    try:
        socket.create_connection(("127.0.0.1", web.port), timeout=1).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def writers(books: Books, pid: int) -> int:
    """How many requests wait for this connection's lock."""
    return [name for _, name in books.blocked_by(pid)].count("web")


def test_web_and_worker_are_replaced_in_the_middle_of_a_sale(shop: Site, web: Web, worker: Service, books: Books, whole_site: None) -> None:
    sale = Sale(shop, web, people=900, per_second=80)
    assert web.service.child, "not started"
    assert worker.child, "not started"
    before, worker_before = children(web), worker.child.pid
    with sale:
        until(lambda: books.decided(sale) >= 40, within=60, what="the sale runs")
        # One web process after the other, as `systemctl reload` does it; the worker ends and is started by its supervisor.
        os.kill(web.service.child.pid, signal.SIGHUP)
        ask_to_stop(worker)
        until(lambda: not children(web) & before, within=25, what="all web processes are new")
        after = len(sale.answers)
        assert len(children(web)) == 2
    assert after < sale.people, "nobody came after the restart"
    assert worker.child.pid != worker_before
    assert {(answer.status, answer.code) for answer in sale.answers} <= {(201, ""), (409, "sold_out")}
    assert len(sale.answers) == sale.people
    assert set(sale.troubles) <= BETWEEN_REQUESTS
    books.wait_until_decided(sale)
    books.check(sale)


def test_a_web_server_that_is_asked_to_stop_answers_whom_it_has_begun_to_serve(sale: Sale, books: Books, web: Web) -> None:
    with sale:
        until(lambda: books.decided(sale) >= 20, within=60, what="the sale runs")
        with books.engine.connect() as connection:
            connection.execute(sa.text("LOCK TABLE bookings IN EXCLUSIVE MODE"))
            pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            # A process has four threads, and may be asked by more.
            until(lambda: writers(books, pid) >= THREADS - 2, within=60, what="most are in the middle of it")
            ask_to_stop(web.service)
            until(lambda: refuses(web), within=3, what="nobody else is let in")
            before, begun = len(sale.answers), writers(books, pid)
            assert begun >= THREADS - 2, "they were let go of"
        until(lambda: len(sale.answers) >= before + begun, within=3, what="they are answered")
        assert refuses(web), "another has answered them"
    assert len(sale.answers) == sale.people
    assert set(sale.troubles) <= BETWEEN_REQUESTS
    books.wait_until_decided(sale)
    books.check(sale)


def test_a_worker_that_is_asked_to_stop_finishes_its_batch(sale: Sale, books: Books, worker: Service, valkey: Valkey) -> None:
    with sale:
        with books.held_batch(sale) as [(pid, name)]:
            assert name == "worker"
            assert worker.child, "not started"
            ended, decided = worker.child, books.decided(sale)
            ask_to_stop(worker)
            # It takes no new task, and has not let go of this one.
            until(lambda: workers_waiting(valkey) == 0, within=60, what="it takes no message any more")
            assert [holder for holder, _ in books.rows("SELECT pid, state FROM pg_stat_activity WHERE pid = :pid", pid=pid)] == [pid]
        until(lambda: ended.exit_code() is not None, within=60, what="it ends")
        assert ended.exit_code() == 0
        assert books.decided(sale) > decided, "the batch is kept"
    books.wait_until_decided(sale)
    books.check(sale)
