"""The web server dies with requests in its hands."""

import pytest

from evently.launch.valkey import Valkey
from tests.faults.consistency import Books, until
from tests.faults.parts import Web, kill, killed
from tests.faults.sale import Sale

pytestmark = pytest.mark.xdist_group("faults")


def test_a_web_server_killed_while_it_takes_bookings(sale: Sale, books: Books, web: Web) -> None:
    with sale:
        with books.held_batch(sale):
            kill(web.service)
        before = len(sale.acknowledged)
        until(lambda: len(sale.acknowledged) >= before + 20, within=60, what="bookings are taken again")
    books.wait_until_decided(sale)
    books.check(sale)


def test_a_web_server_killed_in_the_middle_of_its_own_batch(sale: Sale, books: Books, web: Web, valkey: Valkey) -> None:
    """Without a broker it decides itself, while its buyers wait, of whom there are only a few."""
    with killed(valkey), sale:
        with books.held_batch(sale, at_least=2) as holders:
            assert {name for _, name in holders} == {"web"}
            kill(web.service)
        before = len(sale.acknowledged)
        until(lambda: len(sale.acknowledged) >= before + 20, within=60, what="bookings are taken again")
    books.wait_until_decided(sale)
    books.check(sale)
