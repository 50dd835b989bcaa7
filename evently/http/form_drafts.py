"""What somebody typed into a form that could not be taken, because they were not signed in any more.

It waits in the session until the page of the form is shown again. Passwords do not wait.
"""

import time
from typing import Any
from urllib.parse import urlsplit

from flask import request, session
from flask.globals import request_ctx
from werkzeug.datastructures import MultiDict

from evently.errors import TooManyRequests
from evently.http.bounded_requests import is_large
from evently.http.htmx import wants_fragment
from evently.http.rate_limits import limit_drafts
from evently.http.redirects import referring_page, requested_path

# Forms for who is not signed in.
LOGIN_ENDPOINTS = {"web.login", "web.register", "web.forgot_password", "web.reset_password", "web.confirm_address"}
# seconds for which it waits, and how many characters at most
TTL_SECONDS, MAX_BYTES = 3600, 60_000
KEY = "unsent"


def stash(address: str) -> None:
    """For the page at this address, which is to show it again. A large body is not read for it."""
    if is_large():
        return
    fields = [(name, value) for name, value in request.form.items(multi=True) if not _is_secret(name)]
    if not fields or sum(len(name) + len(value) for name, value in fields) > MAX_BYTES:
        return
    try:
        # Clients that are not signed in could fill the database with drafts.
        limit_drafts.count()
    except TooManyRequests:
        return
    session[KEY] = {"path": urlsplit(address).path, "fields": fields, "until": time.time() + TTL_SECONDS}


def has_draft() -> bool:
    return KEY in session


def restore() -> MultiDict[str, str] | None:
    """What was typed into the form of this page, once; None when nothing waits. For a view that is about to show the form."""
    kept: dict[str, Any] | None = session.get(KEY)
    if request.method != "GET" or not kept or kept["path"] != request.path:
        return None
    del session[KEY]
    return MultiDict(map(tuple, kept["fields"])) if kept["until"] > time.time() else None


def form_url() -> str:
    """The page this request came from: where its form is, or itself."""
    if _is_page() and not wants_fragment():
        return requested_path()
    return referring_page() or (requested_path() if _is_page() else "/")


def _is_page() -> bool:
    """Whether this address answers to a browser that goes there."""
    adapter = request_ctx.url_adapter
    return adapter is not None and adapter.test(request.path, "GET")


def _is_secret(name: str) -> bool:
    return "password" in name or name in {"csrf_token", "idempotency_key"}
