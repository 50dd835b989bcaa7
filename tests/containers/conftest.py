"""The deployment of docker-compose.yml on a real engine, which `make test-containers` (dev/containers.sh) brings.

The tests stand on one another: they are read, and run, from the top of each file to its end.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.project import Project

SITE = os.environ.get("EVENTLY_CONTAINERS", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not SITE:
        skip = pytest.mark.skip(reason="needs a Docker engine: make test-containers")
        for item in items:
            if "tests/containers/" in item.path.as_posix():
                item.add_marker(skip)


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    project = Project(Path(SITE))
    project.configure()
    yield project
    project.remove()
