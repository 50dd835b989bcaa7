"""The deployment of docker-compose.yml on a real engine; run by `make test-containers` (dev/containers.sh).

The tests share one deployment and depend on their order.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.project import Project, report

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


@pytest.fixture(scope="session")
def up(project: Project) -> Project:
    started = time.monotonic()
    project.compose("--profile", "proxy", "--profile", "mail", "up", "--build", "--detach", "--wait", "--wait-timeout", "300")
    report(f"built, up and healthy: {time.monotonic() - started:.0f} s")
    return project
