"""The database ends the connections of the site in the middle of a batch, or falls over as a whole."""

import os
import signal

import pytest

from tests.faults.consistency import Books, until
from tests.faults.sale import Sale

pytestmark = pytest.mark.xdist_group("faults")

EVERYBODY = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('web', 'worker')"


def test_every_connection_of_the_site_is_ended(sale: Sale, books: Books) -> None:
    with sale:
        for _ in range(2):
            with books.held_batch(sale):
                books.rows(EVERYBODY)
            _wait_for_ten_more(sale)
    assert "500" not in sale.troubles, sale.troubles
    books.wait_until_decided(sale)
    books.check(sale)


def test_a_database_process_is_killed_and_the_database_recovers(sale: Sale, books: Books) -> None:
    """PostgreSQL then drops every connection, forgets what was not committed and reads its log again."""
    with sale:
        with books.held_batch(sale) as [(pid, _)]:
            os.kill(pid, signal.SIGKILL)
        _wait_for_ten_more(sale)
    assert "500" not in sale.troubles, sale.troubles
    books.wait_until_decided(sale)
    books.check(sale)


def _wait_for_ten_more(sale: Sale) -> None:
    before = len(sale.acknowledged)
    until(lambda: len(sale.acknowledged) >= before + 10, within=60, what="bookings are taken again")
