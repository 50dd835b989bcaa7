"""Clocks are set in the middle of a sale, or differ, and no message arrives: the sweep finds every booking all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evently.launch.ports import free_port
from evently.launch.supervisor import Service
from evently.launch.valkey import Valkey
from tests.faults.consistency import Books, until
from tests.faults.parts import Parts, Web, running, stopped
from tests.faults.sale import Sale
from tests.harness.parts import find_faketime, require
from tests.harness.site import Site

pytestmark = pytest.mark.xdist_group("faults")


class Clock:
    """What time some processes take it to be. They look once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set("+0")
        self.environ = {
            "LD_PRELOAD": find_faketime() or "",
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        self._path.write_text(offset)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clock]:
    require("faketime")
    directory = tmp_path_factory.mktemp("clocks")
    return {name: Clock(directory / name) for name in ("web", "worker", "beat")}


@pytest.fixture(scope="module")
def web_alone(parts: Parts, valkey: Valkey, web: Web, worker: Service, beat: Service, clocks: dict[str, Clock]) -> Iterator[Web]:
    """The site once more with clocks of its own, and a web server whose messages reach nobody."""
    broker = {"REDIS_URL": valkey.url.removesuffix("/0") + "/1"}
    nowhere = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "ALLOCATE_INLINE_WITHOUT_BROKER": "false"}
    web_alone = parts.web("web alone", **nowhere, **clocks["web"].environ)
    others = (
        parts.worker("clocked worker", **broker, **clocks["worker"].environ),
        parts.beat("clocked beat", **broker, **clocks["beat"].environ),
    )
    # The others of this site would sweep, too.
    with stopped(worker, beat), running(web_alone.service, *others):
        until(web_alone.is_up, within=30, what="the site answers")
        yield web_alone


@pytest.mark.parametrize(
    ("whose", "offset"),
    [("web", "+3600"), ("worker", "+3600"), ("beat", "-3600"), ("web worker beat", "+3600"), ("web worker beat", "-3600")],
)
def test_clocks(whose: str, offset: str, shop: Site, web_alone: Web, clocks: dict[str, Clock], books: Books) -> None:
    for clock in clocks.values():
        clock.set("+0")
    with Sale(shop, web_alone, people=100) as sale:
        until(lambda: len(sale.answers) >= 30, within=30, what="the sale runs")
        for name in whose.split():
            clocks[name].set(offset)
    books.wait_until_decided(sale)
    books.check(sale)
