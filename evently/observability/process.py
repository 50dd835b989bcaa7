"""A process of the site begins: where its lines go, and where its counts."""

import logging

from celery.signals import setup_logging

from config import Settings
from evently.observability import logs, shared


def begin(settings: Settings) -> None:
    """Once, by whatever is started as a program; a test or a script that only makes the application keeps its own ways."""
    logs.configure(level=settings.LOG_LEVEL, is_json=not settings.EMBEDDED)
    setup_logging.connect(_keep_ours)
    # Embedded mode is one process, and where nobody may ask no files are needed.
    if not settings.EMBEDDED and (settings.METRICS_TOKEN or settings.METRICS_PORT):
        shared.share(settings.DATA_DIR / "metrics")


def _keep_ours(loglevel: int | None = None, **_: object) -> None:
    """Celery leaves handlers alone where somebody listens to this; its own level is as its command says."""
    logging.getLogger("celery").setLevel(loglevel or logging.WARNING)
