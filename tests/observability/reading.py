"""What was written and counted, as a test reads it."""

import contextlib
import io
import json
import logging
from collections.abc import Iterator

from flask.testing import FlaskClient

from evently.observability.logs import Formatter


class Lines:
    """The log lines of a block, as they would stand in the log."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def parsed(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def about(self, event: str) -> list[dict[str, str]]:
        return [line for line in self.parsed if event in line["event"]]


@contextlib.contextmanager
def written(*, is_json: bool = True, level: int = logging.INFO) -> Iterator[Lines]:
    lines = Lines()
    handler = logging.StreamHandler(lines._stream)
    handler.setFormatter(Formatter(is_json=is_json))
    logger = logging.getLogger()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def figures(text: str) -> dict[str, float]:
    """`name{label="…"}` to its number."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(number) for name, _, number in lines}


def told(client: FlaskClient, token: str) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return figures(answer.text)
