"""The broker dies, comes back with nothing, or hangs: people go on booking and hardly notice."""

import contextlib
import statistics
from collections.abc import Iterator

import pytest

from evently.launch.valkey import Valkey
from tests.faults.consistency import Books, until
from tests.faults.parts import Parts, Web, killed, running, stopped
from tests.faults.sale import Answer, Sale
from tests.harness.site import Site

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def patient_web(parts: Parts, web: Web) -> Iterator[Web]:
    """Leaves every decision to the worker."""
    patient_web = parts.web("patient web", ALLOCATE_INLINE_WITHOUT_BROKER="false")
    with running(patient_web.service):
        until(patient_web.is_up, within=30, what="the site answers")
        yield patient_web


@pytest.fixture
def patient_sale(shop: Site, patient_web: Web, whole_site: None) -> Sale:
    return Sale(shop, patient_web)


def test_without_a_broker_the_web_decides(sale: Sale, books: Books, valkey: Valkey) -> None:
    with killed(valkey):
        with sale:
            until(lambda: len(sale.answers) >= 60, within=60, what="people book")
            assert books.decided(sale) > 0
        books.wait_until_decided(sale, within=3)
    check_quick(sale.answers)
    books.check(sale)


def test_a_broker_that_loses_its_messages(patient_sale: Sale, books: Books, valkey: Valkey) -> None:
    sale = patient_sale
    with contextlib.ExitStack() as outage, sale:
        with books.held_batch(sale):
            outage.enter_context(killed(valkey))
        since = len(sale.answers)
    # A worker that had taken messages may end with the broker and be started again.
    books.wait_until_decided(sale)
    check_quick(sale.answers[since:])
    books.check(sale)


@pytest.mark.parametrize("decider", ["sale", "patient_sale"])
def test_a_broker_that_hangs(decider: str, request: pytest.FixtureRequest, books: Books, valkey: Valkey) -> None:
    sale: Sale = request.getfixturevalue(decider)
    with sale:
        until(lambda: books.decided(sale) >= 40, within=60, what="the sale runs")
        with stopped(valkey):
            since = len(sale.answers)
            until(lambda: len(sale.answers) >= since + 120, within=60, what="people go on booking")
        during = sale.answers[since:]
    check_quick(during)
    books.wait_until_decided(sale)
    books.check(sale)


def check_quick(answers: list[Answer]) -> None:
    """Everybody was answered, nearly all of them soon."""
    assert {(answer.status, answer.code) for answer in answers} <= {(201, ""), (409, "sold_out")}
    # Every other second one of them is the one who asks whether the server is back.
    *_, p90 = statistics.quantiles((answer.seconds for answer in answers), n=10)

    assert p90 < 2
