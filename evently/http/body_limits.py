"""How much a request may send. Decided before anything of its body is read, parsed or stored.

Every body may have MAX_CONTENT_LENGTH bytes. A view that takes files declares more with `accepts_upload`; only organizers
may send it that much, so who that is gets checked first.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestURITooLarge

from evently.accounts.policies import require_organizer
from evently.http.bounded_requests import BoundedRequest, is_large
from evently.http.login import signed_in_user

View = TypeVar("View", bound=Callable[..., Any])
# bytes; nginx allows as much for the whole of a request line
MAX_QUERY = 8 * 1024


def init_app(app: Flask) -> None:
    app.request_class = BoundedRequest
    app.before_request(check_size)


def accepts_upload(max_bytes: int) -> Callable[[View], View]:
    """Decorator of a view for organizers whose form may have so many bytes, files included."""

    def mark(view: View) -> View:
        view.max_bytes = max_bytes  # type: ignore[attr-defined]
        return view

    return mark


def check_size() -> Response | None:
    """Raises RequestEntityTooLarge, RequestURITooLarge, NotAuthenticated, NotAllowed."""
    if len(request.query_string) > MAX_QUERY:
        raise RequestURITooLarge
    max_bytes = getattr(current_app.view_functions.get(request.endpoint or ""), "max_bytes", None)
    if max_bytes and is_large():
        require_organizer(signed_in_user())
        request.max_content_length = max_bytes
    if (request.content_length or 0) > (request.max_content_length or 0):
        raise RequestEntityTooLarge
    return None
