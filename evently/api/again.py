"""Answers that are given again without the way through Flask, which takes twice as long as all that is done here.

Whoever is given an answer that is kept (kept.py) leaves a recipe, under all of the request that it depends on: what to
look up, whom to count, which headers. The same request, sent again, needs that and one round trip to the cache. All
that is out of the ordinary goes the way through Flask: what is not kept any more, and what is refused.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from evently.api.response_cache import ADDRESS, Kept, Served, is_known, tag_of, with_seats
from evently.errors import DomainError
from evently.http import request_ids, request_metrics
from evently.http.networks import UNKNOWN, network_of
from evently.http.rate_limits import COUNTED_KEY, account_key, count_cached_read, rate_limit_headers
from evently.observability import context
from evently.tagged_cache import get, prefetch

# Seconds, and how many: a recipe takes about 2 kB. The use of a token is written down every minute, by the way through Flask.
LIFETIME, MOST = 60.0, 500
PLACE = "evently.place"
# Of one answer alone; the other headers are the same each time.
OWN = {"ETag", "Content-Length"}

Answer = tuple[str, list[tuple[str, str]], bytes]


@dataclass(frozen=True)
class Recipe:
    """How an answer is given again."""

    kept: Kept
    key: str
    names: tuple[str, ...]
    # Of an answer that is made of no names.
    body: bytes | None
    path: dict[str, Any]
    # "": a client without one
    account: str
    user_id: int | None
    route: str
    headers: list[tuple[str, str]]
    is_tagged: bool
    until: float

    def serve(self, address: str) -> bytes | None:
        """The answer as it is now, counted; None where it has to be worked out. Raises DomainError, SQLAlchemyError."""
        if self.names:
            prefetch(self.key, tags=self.names)
        seats = cache(partial(self.kept.seats, **self.path)) if self.kept.seats else None
        # Two servers are asked in the time of one.
        g.meanwhile = seats
        count_cached_read(self.account, network_of(address))
        body = get(self.key, tags=self.names) if self.names else self.body
        return with_seats(body, seats()) if body and seats else body


class Again:
    """Stands in front of the application."""

    def __init__(self, app: Flask) -> None:
        self._app, self._site = app, app.wsgi_app
        self._recipes: dict[tuple[str, ...], Recipe] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET" and environ.get("PATH_INFO", "").startswith("/api/"):
            place = environ[PLACE] = _place(environ)
            recipe = self._recipes.get(place)
            if recipe and recipe.until > time.monotonic() and (answer := self._give(recipe, environ)):
                status, headers, body = answer
                start_response(status, headers)
                return [body]
        return self._site(environ, start_response)

    def learn(self, response: Response) -> Response:
        """From an answer that came by the long way, before it gets what is its own: a name, and what is left to ask."""
        kept = getattr(self._app.view_functions.get(request.endpoint or ""), "kept", None)
        served: Served | None = g.pop("served", None)
        if kept and served and response.status_code == 200 and PLACE in request.environ:
            if len(self._recipes) >= MOST:
                # Rare, and cheaper than to keep order: those in use are back at their next request.
                self._recipes.clear()
            self._recipes[request.environ[PLACE]] = _recipe(kept, served, response)
        return response

    def _give(self, recipe: Recipe, environ: dict[str, Any]) -> Answer | None:
        began = time.perf_counter()
        request_ids.begin(environ, recipe.path)
        if recipe.user_id:
            context.bind(user_id=recipe.user_id)
        with self._app.app_context():
            try:
                body = recipe.serve(environ.get("REMOTE_ADDR") or UNKNOWN)
            except (DomainError, SQLAlchemyError):
                # The long way says so in the API's words.
                self._recipes.pop(environ[PLACE], None)
                return None
            if body is None:
                environ[COUNTED_KEY] = g.get("window")
                return None
            headers = [*recipe.headers, *rate_limit_headers(), ("X-Request-ID", context.request_id())]
        status, headers, body = _conditional(recipe, environ, headers, body)
        request_metrics.log_request(self._app.config, "GET", recipe.route, int(status[:3]), time.perf_counter() - began)
        return status, headers, body


def _place(environ: dict[str, Any]) -> tuple[str, ...]:
    """All of a request that its answer depends on. Tokens are not kept as they are."""
    token = hashlib.blake2b(environ.get("HTTP_AUTHORIZATION", "").encode(), digest_size=16).hexdigest()
    return (token, environ.get("HTTP_ORIGIN", ""), *[environ.get(part, "") for part in ADDRESS])


def _recipe(kept: Kept, served: Served, response: Response) -> Recipe:
    cache_key, names, body = served
    headers = [(name, value) for name, value in response.headers if name not in OWN]
    return Recipe(
        kept=kept,
        key=cache_key,
        names=names,
        body=None if names else body,
        path=request.view_args or {},
        account=account_key(),
        user_id=context.current().get("user_id"),
        route=request.url_rule.rule if request.url_rule else "",
        headers=headers,
        is_tagged="ETag" in response.headers,
        until=time.monotonic() + LIFETIME,
    )


def _conditional(recipe: Recipe, environ: dict[str, Any], headers: list[tuple[str, str]], body: bytes) -> Answer:
    if recipe.is_tagged:
        tag = tag_of(body)
        headers.append(("ETag", tag))
        if is_known(tag, environ):
            return "304 NOT MODIFIED", [header for header in headers if not header[0].startswith("Content-")], b""
    headers.append(("Content-Length", str(len(body))))
    return "200 OK", headers, body
