"""A name for every request, so that whoever calls and our log speak of the same one."""

import re
import uuid

from flask import Flask, Response, g, request

# What may come in: enough for everybody's schemes, and nothing that a log or a header could be broken with.
VALID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def init_app(app: Flask) -> None:
    app.after_request(name_answer)


def request_id() -> str:
    """The name that was sent along, or one of our own."""
    if "request_id" not in g:
        sent = request.headers.get("X-Request-ID", "")
        g.request_id = sent if VALID.fullmatch(sent) else uuid.uuid4().hex
    return str(g.request_id)


def name_answer(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    return response
