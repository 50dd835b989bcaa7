"""The web server's own limits: visitors who stay connected keep no seat from those who come after them."""

import contextlib
import http.client
import resource
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.harness.live import serving
from tests.harness.site import Site

pytestmark = [pytest.mark.xdist_group("launch"), pytest.mark.parametrize("site", ["postgresql"], indirect=True)]
VISITORS = 1200


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * VISITORS:
        pytest.skip(f"so many connections take {2 * VISITORS} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * VISITORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_comes_while_a_thousand_stay_connected_is_served_at_once(app: Flask, site: Site) -> None:
    with serving(site) as address, contextlib.ExitStack() as stack:
        slowest = 0.0
        for _ in range(VISITORS):
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
            stack.callback(connection.close)
            started = time.monotonic()
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            slowest = max(slowest, time.monotonic() - started)
    assert slowest < 5
