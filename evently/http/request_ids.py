"""A name for every request, so that whoever calls, our log and the tasks that come of it speak of the same one."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request

from evently.observability import context

# What may come in: enough for everybody's schemes, and nothing that a log or a header could be broken with.
VALID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
# Parts of addresses that say what a request is about; others may be secrets.
SUBJECTS = ("event_id", "booking_id")


def init_app(app: Flask) -> None:
    """The first to look at a request, so that what others log of it has its name."""
    app.before_request(assign_request_id)
    app.after_request(add_request_id_header)


def assign_request_id() -> None:
    """The name that was sent along, or one of our own."""
    begin(request.environ, request.view_args or {})


def begin(environ: dict[str, Any], path: Mapping[str, object]) -> None:
    """As `name_request`, of a request that Flask does not see; `path`: the variables of its address."""
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    context.reset(request_id=sent if VALID.fullmatch(sent) else uuid.uuid4().hex)
    if path:
        context.bind(**{name: value for name, value in path.items() if name in SUBJECTS})


def add_request_id_header(response: Response) -> Response:
    response.headers["X-Request-ID"] = context.request_id()
    return response
