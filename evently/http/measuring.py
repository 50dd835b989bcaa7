"""How many requests, how long each took and how it ended, by route; and a log line for those that failed or were slow."""

import logging
import time

from flask import Flask, Response, current_app, g, request

from evently.observability import metrics

log = logging.getLogger(__name__)
# In place of a route: addresses that lead nowhere, of which there are more than can be counted.
NOWHERE = "none"
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


def init_app(app: Flask) -> None:
    """Among the first to see a request, and the last to see its answer."""
    app.before_request(begin)
    app.after_request(measure)


def begin() -> None:
    g.began = time.perf_counter()


def measure(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    # As the routing found it: the path itself may hold a secret, as links in mails do.
    route = request.url_rule.rule if request.url_rule else NOWHERE
    method = request.method if request.method in METHODS else "other"
    metrics.count_request(method, route, response.status_code, seconds)
    level = _level(response.status_code, 1000 * seconds)
    if level:
        facts = {"method": method, "route": route, "status": response.status_code, "ms": round(1000 * seconds, 1)}
        log.log(level, "Request", extra=facts)
    return response


def _level(status: int, milliseconds: float) -> int | None:
    """None: not worth a line."""
    config = current_app.config
    if status >= 500 and status != 503:
        return logging.ERROR
    if 0 < config["SLOW_REQUEST_MS"] <= milliseconds:
        return logging.WARNING
    return logging.INFO if config["LOG_REQUESTS"] else None
