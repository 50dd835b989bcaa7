"""The site as separate processes on servers of its own, which tests kill: never those that a developer has named."""

from collections.abc import Iterator

import pytest

from evently.launch.postgres import Postgres
from evently.launch.supervisor import Service
from evently.launch.valkey import Valkey
from tests.faults.consistency import DECISIONS, Books, until
from tests.faults.parts import Parts, Web, running, workers_waiting
from tests.faults.sale import Sale
from tests.harness.parts import require
from tests.harness.site import Site, site_of

# seconds between two sweeps
SWEEP = 1


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    require("valkey")
    with Valkey() as server:
        yield server


@pytest.fixture(scope="session")
def shop(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("postgresql")
    # Durable, unlike other tests' servers: what was acknowledged must survive a crash.
    with Postgres.temporary(durable=True) as postgres:
        environ = {
            "SECRET_KEY": "of these tests alone 0123456789abcdef",
            "EVENTLY_DATA_DIR": str(tmp_path_factory.mktemp("shop")),
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SWEEP_SECONDS": str(SWEEP),
            # All requests come from one address. The limits stay on: they, too, depend on the broker's server.
            **dict.fromkeys(("RATELIMIT_DEFAULT", "NETWORK_RATE_LIMIT", "ANONYMOUS_RATE_LIMIT"), "1000000 per minute"),
        }
        with site_of("postgresql", environ) as site:
            Books(site).execute(DECISIONS)
            yield site


@pytest.fixture(scope="session")
def books(shop: Site) -> Books:
    return Books(shop)


@pytest.fixture(scope="session")
def parts(shop: Site) -> Parts:
    return Parts(shop)


@pytest.fixture(scope="session")
def beat(parts: Parts) -> Service:
    return parts.beat()


@pytest.fixture(scope="session")
def worker(parts: Parts) -> Service:
    return parts.worker()


@pytest.fixture(scope="session")
def web(parts: Parts, worker: Service, beat: Service) -> Iterator[Web]:
    """All of the site; whatever a test kills comes up again."""
    web = parts.web()
    with running(web.service, worker, beat):
        yield web


@pytest.fixture
def whole_site(web: Web, valkey: Valkey) -> None:
    """Whatever an earlier test has killed is up again."""
    until(lambda: web.is_up() and workers_waiting(valkey) == 1, within=30, what="the site is whole")


@pytest.fixture
def sale(shop: Site, web: Web, whole_site: None) -> Sale:
    return Sale(shop, web)
