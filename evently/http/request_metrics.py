"""How many requests, how long each took and how it ended, by route; and a log line for those that failed or were slow."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request
from flask.globals import request_ctx

from evently.observability import metrics

log = logging.getLogger(__name__)
# Where a request's own variables are kept by whoever comes before the application.
START_KEY = "evently.began"
# In place of a route: addresses that lead nowhere, of which there are more than can be counted.
UNMATCHED = "none"
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


def init_app(app: Flask) -> None:
    """Among the first to see a request, and the last to see its answer."""
    app.before_request(start_timer)
    app.after_request(observe)


def start_timer() -> None:
    request.environ[START_KEY] = time.perf_counter()


def observe(response: Response) -> Response:
    # Each look through a proxy takes as long as it takes to count.
    current = request_ctx._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - Werkzeug's documented way to the object itself
    asked = current.request
    seconds = time.perf_counter() - asked.environ[START_KEY]
    method = asked.method if asked.method in METHODS else "other"
    # As the routing found it: the path itself may hold a secret, as links in mails do.
    log_request(current.app.config, method, asked.url_rule.rule if asked.url_rule else UNMATCHED, response.status_code, seconds)
    return response


def log_request(config: Mapping[str, Any], method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered."""
    metrics.count_request(method, route, status, seconds)
    if level := _level(config, status, 1000 * seconds):
        log.log(level, "Request", extra={"method": method, "route": route, "status": status, "ms": round(1000 * seconds, 1)})


def _level(config: Mapping[str, Any], status: int, milliseconds: float) -> int | None:
    """None: not worth a line."""
    # 503: the site says itself that something is away.
    if status >= 500 and status != 503:
        return logging.ERROR
    if 0 < config["SLOW_REQUEST_MS"] <= milliseconds:
        return logging.WARNING
    return logging.INFO if config["LOG_REQUESTS"] else None
