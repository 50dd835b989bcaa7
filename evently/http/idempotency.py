"""Idempotency-Key for the API and a hidden key in forms: the same request sent twice is carried out once.

Runs before the limiter, so that a replayed answer counts against no limit, and around the view: nobody has to think
of it but a view that makes something, which takes its id from `claimed_id()`.
"""

import hashlib
import time
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, request, session
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from evently.errors import Invalid
from evently.http.identity import find_asker, is_api_path
from evently.http.login import load_user, sign_in
from evently.idempotency import services
from evently.idempotency.services import Claim, InFlight

METHODS = {"POST", "PUT", "PATCH", "DELETE"}
HEADERS = ("Location", "HX-Redirect", "HX-Trigger", "Content-Type")
# Not carried out, so worth another try with the same key; so is whatever says when to come back.
TRY_AGAIN = {401, 429}
# seconds; how long a form sent twice waits for the first one's answer, and how often it looks
PATIENCE, LOOK_AGAIN = 2.5, 0.05
# What they change is the visitor's cookie, which no kept answer could: doing so again is what is wanted.
OF_COOKIES = {"web.login", "web.logout"}
# Changes nothing, and may be asked for again with other words in the same form.
LOOKS = {"dashboard.preview_cancellation_mail"}
# seconds; what an API client is told to wait
RETRY_AFTER = 1


def init_app(app: Flask) -> None:
    # For forms, see shared/_forms.html.
    app.jinja_env.globals["new_key"] = uuid.uuid4
    app.before_request(claim_or_replay)
    app.after_request(keep_answer)


def claimed_id() -> uuid.UUID:
    """The id for what this request makes: the same whenever the request is sent again with its key."""
    claimed: Claim | None = g.get("idempotency_claim")
    return claimed.id if claimed else uuid.uuid4()


def claim_or_replay() -> Response | None:
    key = _key()
    if not key:
        return None
    asker = find_asker()
    who = f"user {asker.id}" if asker else "anonymous"
    claimed = _claim_patiently(who, key, f"{request.method} {request.full_path}\n".encode() + _body())
    if claimed.answer is None:
        g.idempotency_claim = claimed
        return None
    return _replay(claimed.answer)


def keep_answer(response: Response) -> Response:
    claimed: Claim | None = g.pop("idempotency_claim", None)
    if claimed is None:
        return response
    if response.status_code >= 500 or response.is_streamed:
        # Where the database is what broke, its lease ends by itself.
        with suppress(SQLAlchemyError):
            services.release(claimed)
    elif response.status_code in TRY_AGAIN or "Retry-After" in response.headers:
        services.forget(claimed)
    else:
        headers = {name: response.headers[name] for name in HEADERS if name in response.headers}
        body, user_id = response.get_data(as_text=True), session.get("_user_id")
        services.keep_answer(claimed, {"status": response.status_code, "headers": headers, "body": body, "user_id": user_id})
    return response


def _key() -> str:
    # What leads nowhere is not carried out at all.
    if request.method not in METHODS or request.routing_exception:
        return ""
    if is_api_path(request.path):
        return request.headers.get("Idempotency-Key", "")
    return "" if request.endpoint in OF_COOKIES | LOOKS else request.form.get("idempotency_key", "")


def _body() -> bytes:
    """What was sent, apart from the token against forgery, which changes with the session."""
    if is_api_path(request.path):
        return request.get_data(cache=True)
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    files = [(name, f"{file.filename} {_digest(file)}") for name, file in request.files.items(multi=True)]
    return urlencode(sorted(fields) + sorted(files)).encode()


def _digest(file: FileStorage) -> str:
    digest = hashlib.sha256(file.read()).hexdigest()
    file.seek(0)
    return digest


def _claim_patiently(who: str, key: str, fingerprint: bytes) -> Claim:
    """Raises InFlight: at once for the API, whose clients can wait themselves; after a while for a form."""
    deadline = time.monotonic() + (0 if is_api_path(request.path) else PATIENCE)
    while True:
        try:
            return services.claim(who=who, key=key, request=fingerprint)
        except InFlight as error:
            if time.monotonic() >= deadline:
                error.retry_after = RETRY_AFTER
                raise
            time.sleep(LOOK_AGAIN)
        except Invalid as error:
            if not is_api_path(request.path):
                error.message = "This form was sent already, with something else in it. Reload the page and fill it in again."
            raise


def _replay(answer: dict[str, Any]) -> Response:
    # Who registered is signed in by the answer's cookie, which may have been lost with it.
    if answer.get("user_id") and not current_user.is_authenticated and (user := load_user(answer["user_id"])):
        sign_in(user)
    response = Response(answer["body"], status=answer["status"], headers=answer["headers"])
    response.headers["Idempotent-Replayed"] = "true"
    return response
