"""The blueprint, and one decorator that makes a function an address of the API: read, refuse, call, answer, document."""

import math
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import flask_smorest
from flask import Flask, Request, Response
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from evently.api.auth import EITHER_SCHEME, SCHEMES, caller
from evently.api.schemas import Failure
from evently.errors import DomainError
from evently.http import json

View = TypeVar("View", bound=Callable[..., Any])


class BodyParser(FlaskParser):
    """Takes JSON bodies only, and says so."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        del schema
        if not req.is_json:
            raise UnsupportedMediaType
        body = req.get_data()
        # Without a length told beforehand a body is read up to the limit and looks as if it ended there.
        if req.content_length is None and len(body) >= (req.max_content_length or math.inf):
            raise RequestEntityTooLarge
        try:
            return json.read(body)
        except ValueError as error:
            raise DomainError("The body is not valid JSON.", code="bad_json") from error


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest has no types
    ARGUMENTS_PARSER = BodyParser()


class Reference(flask_smorest.Api):  # type: ignore[misc] # flask-smorest has no types
    """The OpenAPI document, at /api/openapi.json."""

    ERROR_SCHEMA = Failure

    def _register_error_handlers(self) -> None:
        """None: http/error_handlers.py answers every error."""


blueprint = Blueprint("api", __name__, url_prefix="/api")


def reference(app: Flask) -> Reference:
    described = Reference(app, spec_kwargs={"info": {"description": DESCRIPTION}})
    for name, scheme in SCHEMES.items():
        described.spec.components.security_scheme(name, scheme)
    return described


@blueprint.after_request  # type: ignore[untyped-decorator]
def keep_private(response: Response) -> Response:
    # Answers depend on the token, which caches on the way do not look at.
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def endpoint(
    method: str,
    rule: str,
    *,
    answer: type[Schema],
    status: int = 200,
    body: type[Schema] | None = None,
    query: type[Schema] | None = None,
    refuses: tuple[int, ...] = (),
    limit: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    is_public: bool = False,
) -> Callable[[View], View]:
    """Serve `method` and `rule` with this view; a token is needed unless `is_public`.

    The view gets what `body` or `query` read as its first argument. `answer` writes what it returns; `refuses`: the
    statuses it may answer besides those that follow from the rest.
    """

    def register(view: View) -> View:
        call = blueprint.response(status, answer)(view)
        if body:
            call = blueprint.arguments(body(), location="json")(call)
        if query:
            call = blueprint.arguments(query(), location="query")(call)
        if limit:
            call = limit(call)
        if not is_public:
            call = blueprint.doc(security=EITHER_SCHEME)(_for_callers(call))
        reasons = {*refuses, *((400, 413, 415) if body else ()), *((429,) if limit else ()), *(() if is_public else (401,))}
        for reason in sorted(reasons):
            call = blueprint.alt_response(reason, response=HTTPStatus(reason).name)(call)
        call = blueprint.doc(operationId=view.__name__, **({} if method == "GET" else {"parameters": [IDEMPOTENCY_KEY]}))(call)
        tag = view.__module__.rpartition(".")[2].capitalize()
        blueprint.route(rule, methods=[method], tags=[tag])(call)
        return view

    return register


def _for_callers(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        # Before the body is looked at: strangers learn nothing, not even what was wrong with it.
        caller()
        return view(*args, **kwargs)

    return checked


IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "Your own name for this request. Sent again with it, the request gets the first answer and does nothing twice.",
    "schema": {"type": "string", "maxLength": 255},
}

DESCRIPTION = """\
Events, bookings and accounts as JSON. Every path ends in `/`.

Send `Authorization: Token <token>` (or `Bearer <token>`); registering and logging in answer with a token.
Moments are ISO 8601 in UTC with `Z`, amounts are numbers with two decimals in the event's currency.
Whatever goes wrong is answered as `{"error": "a sentence", "details": {"code": "stable", "fields": {"name": ["…"]}}}`.
"""
