"""A process of the site begins: where its lines go, and where its counts."""

import functools
import logging
import socket

from celery.signals import setup_logging, worker_ready
from prometheus_client import CollectorRegistry, start_http_server

from config import Settings
from evently.observability import logs, multiprocess

log = logging.getLogger(__name__)


def configure(settings: Settings) -> None:
    """Once, by whatever is started as a program; a test or a script that only makes the application keeps its own ways."""
    logs.configure(level=settings.LOG_LEVEL, is_json=not settings.EMBEDDED)
    setup_logging.connect(_leave_ours)
    # Embedded mode is one process, and where nobody may ask no files are needed.
    if not settings.EMBEDDED and (settings.METRICS_TOKEN or settings.METRICS_PORT):
        # Processes of several containers have the same numbers.
        multiprocess.share(settings.DATA_DIR / "metrics" / socket.gethostname())
    if settings.METRICS_PORT:
        worker_ready.connect(functools.partial(_serve, settings.METRICS_HOST, settings.METRICS_PORT), weak=False)


def _leave_ours(loglevel: int | None = None, **_: object) -> None:
    """Celery leaves handlers alone where somebody listens to this; its own level is as its command says."""
    logging.getLogger("celery").setLevel(loglevel or logging.WARNING)


def _serve(host: str, port: int, **_: object) -> None:
    """The figures of this machine's processes, for a machine that has workers and no web server."""
    registry = CollectorRegistry()
    registry.register(multiprocess.MultiprocessCollector())
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        # Another worker of this machine may have it, which tells ours as well.
        log.warning("Figures are not told at %s:%d: %s", host, port, error)
