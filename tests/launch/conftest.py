import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launch.launched import Launched


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty data directory that everybody can reach, as PostgreSQL's user must where the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="evently-launch-"))
    directory.chmod(0o711)
    yield directory / "data"
    shutil.rmtree(directory)


@pytest.fixture
def launch(data_dir: Path) -> Iterator[Callable[..., Launched]]:
    """Starts `run` or `stack` on the data directory of this test."""
    started: list[Launched] = []

    def start(shape: str, **options: str | int) -> Launched:
        launched = Launched(shape, data_dir, **options)
        started.append(launched)
        return launched

    yield start
    for launched in started:
        launched.kill()
