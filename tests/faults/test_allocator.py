"""The allocator dies in the middle of a batch, or has company."""

import pytest

from evently.launch.supervisor import Service
from evently.launch.valkey import Valkey
from tests.faults.consistency import Books, until
from tests.faults.parts import Parts, Web, kill, running, workers_waiting
from tests.faults.sale import Sale
from tests.harness.site import Site

pytestmark = pytest.mark.xdist_group("faults")


def test_a_worker_killed_in_the_middle_of_a_batch(sale: Sale, books: Books, worker: Service) -> None:
    with sale:
        with books.held_batch(sale) as [(_, name)]:
            assert name == "worker"
            decided = books.decided(sale)
            kill(worker)
        assert books.decided(sale) == decided, "nothing of the batch is kept"
    books.wait_until_decided(sale)
    books.check(sale)


def test_two_workers_and_one_event(sale: Sale, books: Books, parts: Parts, valkey: Valkey) -> None:
    with running(parts.worker("worker-2")):
        until(lambda: workers_waiting(valkey) == 2, within=60, what="both wait for messages")
        with sale:
            for _ in range(3):
                with books.locked_stock(sale):
                    until(lambda: books.names_waiting() >= {"worker", "worker-2"}, within=60, what="both want to decide")
                until(lambda: not books.names_waiting(), within=60, what="both go on")
    books.wait_until_decided(sale)
    books.check(sale)


def test_a_busy_event_holds_up_no_other(sale: Sale, books: Books, shop: Site, web: Web) -> None:
    with sale:
        until(lambda: books.decided(sale) >= 60, within=60, what="the busy sale runs")
        with Sale(shop, web, people=10, per_second=20) as quiet_sale:
            pass
        books.wait_until_decided(quiet_sale, within=2)
        assert len(sale.answers) < sale.people, "the busy sale still runs"
    books.wait_until_decided(sale)
    books.check(sale)
