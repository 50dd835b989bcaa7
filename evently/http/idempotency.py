"""Idempotency-Key for the API and a hidden key in forms: the same request sent twice is carried out once.

Runs around the view: only a view that makes something has to know of it, and takes its id from `claimed_id()`. A response
that is replayed counts for the limit of its network and for no other; one that is refused by a limit writes nothing.

A response with a secret in it is never stored, or anyone who learns key and request could fetch the secret. A view that
makes one says so (`secret_response`, `has_secret` of an endpoint of the API), is called again when the request is
repeated, and knows by `is_repeated()` that it was carried out before.
"""

import hashlib
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from evently.errors import Invalid
from evently.http.authentication import current_user_or_none, is_api_path
from evently.http.rate_limits import count_before_claim
from evently.idempotency import services
from evently.idempotency.heartbeat import Heartbeat
from evently.idempotency.services import Claim, InFlight, Request

View = TypeVar("View", bound=Callable[..., Any])

METHODS = {"POST", "PUT", "PATCH", "DELETE"}
HEADERS = ("Location", "HX-Redirect", "HX-Trigger", "Content-Type")
# Not carried out, so worth another try with the same key; so is whatever says when to come back.
RETRYABLE_STATUSES = {401, 429}
# seconds; how long a form sent twice waits for the first one's answer, and how often it looks
MAX_WAIT_SECONDS, POLL_SECONDS = 2.5, 0.05
# What they change is the visitor's cookie, which no kept answer could: doing so again is what is wanted.
COOKIE_ENDPOINTS = {"web.login", "web.logout"}
# Changes nothing, and may be asked for again with other words in the same form.
READ_ONLY_ENDPOINTS = {"dashboard.preview_cancellation_mail"}


def init_app(app: Flask) -> None:
    # For forms, see shared/_forms.html.
    app.jinja_env.globals["new_key"] = uuid.uuid4
    app.extensions["idempotency"] = Heartbeat(app)
    app.before_request(claim_or_replay)
    app.after_request(store_response)
    app.teardown_request(end_lease)


def claimed_id() -> uuid.UUID:
    """The id for what this request makes: the same whenever the request is sent again with its key."""
    claimed: Claim | None = g.get("idempotency_claim")
    return claimed.id if claimed else uuid.uuid4()


def secret_response(view: View) -> View:
    """Decorator of a page whose response may hold a secret."""
    view.has_secret = True  # type: ignore[attr-defined]
    return view


def is_repeated() -> bool:
    """Whether this request was carried out before, by a view whose response is not stored."""
    return bool(g.get("is_repeated_request"))


def claim_or_replay() -> Response | None:
    key = _key()
    if not key:
        return None
    asker = current_user_or_none()
    if asker is None and _view("needs_token"):
        # To be refused by the view, which is not worth a row.
        return None
    who = f"user {asker.id}" if asker else "anonymous"
    content = f"{request.method} {request.full_path}\n".encode() + _body()
    claimed = _claim_patiently(Request(who=who, key=key, content=content))
    # The release before stored responses with secrets: those are not replayed either.
    if claimed.answer and not _view("has_secret"):
        return _replay(claimed.answer)
    g.idempotency_claim, g.is_repeated_request = claimed, claimed.answer is not None
    if claimed.answer is None:
        g.idempotency_lease = claimed.id
        heartbeat().begin(claimed.id)
    return None


def store_response(response: Response) -> Response:
    claimed: Claim | None = g.pop("idempotency_claim", None)
    if claimed is None:
        return response
    end_lease()
    if is_repeated():
        response.headers["Idempotent-Replayed"] = "true"
    elif response.status_code >= 500 or response.is_streamed:
        # Where the database is what broke, its lease ends by itself.
        with suppress(SQLAlchemyError):
            services.release(claimed)
    elif response.status_code in RETRYABLE_STATUSES or "Retry-After" in response.headers:
        services.delete(claimed)
    elif not _has_secret(response):
        headers = {name: response.headers[name] for name in HEADERS if name in response.headers}
        body = response.get_data(as_text=True)
        services.store_response(claimed, {"status": response.status_code, "headers": headers, "body": body})
    elif response.status_code < 400:
        services.store_response(claimed, {})
    else:
        # Nothing was made, so there is nothing that a repeated request could make twice.
        services.delete(claimed)
    return response


def _has_secret(response: Response) -> bool:
    """What the view says of itself, or a response that repeats the secret in its own URL, which is a link from an e-mail."""
    if _view("has_secret"):
        return True
    token: str = (request.view_args or {}).get("token", "")
    said = [response.get_data(as_text=True), *(response.headers.get(name, "") for name in HEADERS)]
    return bool(token) and any(token in part for part in said)


def _view(attribute: str) -> bool:
    """Whether the view of this request says so of itself."""
    return bool(getattr(current_app.view_functions.get(request.endpoint or ""), attribute, False))


def end_lease(_error: BaseException | None = None) -> None:
    """Stop extending the lease, whether the request succeeded or failed."""
    if lease := g.pop("idempotency_lease", None):
        heartbeat().end(lease)


def heartbeat() -> Heartbeat:
    found: Heartbeat = current_app.extensions["idempotency"]
    return found


def _key() -> str:
    # What leads nowhere is not carried out at all.
    if request.method not in METHODS or request.routing_exception:
        return ""
    if is_api_path(request.path):
        return request.headers.get("Idempotency-Key", "")
    return "" if request.endpoint in COOKIE_ENDPOINTS | READ_ONLY_ENDPOINTS else request.form.get("idempotency_key", "")


def _body() -> bytes:
    """What was sent, apart from the token against forgery, which changes with the session."""
    if is_api_path(request.path):
        return request.get_data(cache=True)
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    files = [(name, f"{file.filename} {_digest(file)}") for name, file in request.files.items(multi=True)]
    return urlencode(sorted(fields) + sorted(files)).encode()


def _digest(file: FileStorage) -> str:
    digest = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type] # as good as a file on disk
    file.seek(0)
    return digest


def _claim_patiently(sent: Request) -> Claim:
    """Raises InFlight: at once for the API, whose clients can wait themselves; after a while for a form."""
    deadline = time.monotonic() + (0 if is_api_path(request.path) else MAX_WAIT_SECONDS)
    while True:
        try:
            return services.find(sent) or _claim(sent)
        except InFlight:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
        except Invalid as error:
            if not is_api_path(request.path):
                error.message = "This form was sent already, with something else in it. Reload the page and fill it in again."
            raise


def _claim(sent: Request) -> Claim:
    """Raises TooManyRequests before anything is written."""
    count_before_claim()
    return services.claim(sent)


def _replay(answer: dict[str, Any]) -> Response:
    response = Response(answer["body"], status=answer["status"], headers=answer["headers"])
    response.headers["Idempotent-Replayed"] = "true"
    return response
