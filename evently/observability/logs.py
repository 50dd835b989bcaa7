"""How log lines are written: a line that reads well in embedded mode, JSON in production. Everybody logs by `logging`.

Each line says which request or task it belongs to (context.py), and no line holds a secret (redaction.py).
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from evently.observability import context, redaction

Line = MutableMapping[str, Any]
# The web server's own lines, which it would write in its own way.
BORROWED = ("_granian", "granian.access")
# What every record has, and what other handlers leave there.
USUAL = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def configure(*, level: str, is_json: bool) -> None:
    """For a process of its own. Other people's libraries are heard from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(is_json=is_json))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("evently").setLevel(level)
    for name in BORROWED:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


class Formatter(logging.Formatter):
    """structlog's, made for the first line: importing it takes as much memory as all that we measure with."""

    _inner: logging.Formatter | None = None

    def __init__(self, *, is_json: bool) -> None:
        super().__init__()
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        if self._inner is None:
            self._inner = _formatter(is_json=self._is_json)
        return self._inner.format(record)


def _formatter(*, is_json: bool) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - see Formatter

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _add_facts,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_context,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            # As text: the frames' variables may be secrets.
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(default=str) if is_json else _plain,
        ],
    )


def _add_facts(_logger: object, _method: str, line: Line) -> Line:
    """What one of us gave along as `extra`; other people's libraries give their own affairs along, Celery what tasks were told."""
    record: logging.LogRecord = line["_record"]
    if record.name.partition(".")[0] == "evently":
        line.update((name, value) for name, value in vars(record).items() if name not in USUAL)
    return line


def _add_context(_logger: object, _method: str, line: Line) -> Line:
    line.update((name, str(value)) for name, value in context.current().items() if name not in line)
    return line


def _redact(_logger: object, _method: str, line: Line) -> Mapping[str, Any]:
    return redaction.without_secrets(line)


def _plain(_logger: object, _method: str, line: Line) -> str:
    """`07:31:02 WARNING evently.circuit_breaker: The broker is unreachable (request_id=3f…)`."""
    text = f"{line.pop('timestamp')[11:19]} {line.pop('level').upper()} {line.pop('logger')}: {line.pop('event')}"
    trace = "".join(f"\n{line.pop(name)}" for name in ("stack", "exception") if line.get(name))
    rest = " ".join(f"{name}={value}" for name, value in line.items() if value is not None)
    return f"{text} ({rest}){trace}" if rest else text + trace
