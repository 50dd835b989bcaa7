"""The blueprint, and one decorator that makes a function an address of the API: read, refuse, call, answer, document.

flask-smorest describes; what happens at a request is in `Endpoint._serve`, because its decorators cost as much time as
a booking.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from typing import Any, TypeVar

import flask_smorest
from flask import Response, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from evently.api import error_catalogue
from evently.api.auth import EITHER_SCHEME, caller
from evently.api.response_cache import Kept, tagged
from evently.errors import DomainError, Invalid
from evently.http import json
from evently.http.rate_limits import Limit

View = TypeVar("View", bound=Callable[..., Any])


blueprint = flask_smorest.Blueprint("api", __name__, url_prefix="/api")


@blueprint.after_request  # type: ignore[untyped-decorator]
def keep_private(response: Response) -> Response:
    # Answers depend on the token, which caches on the way do not look at.
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


@dataclass(frozen=True)
class Endpoint:
    """An address of the API, as a decorator: what it reads and answers, who may ask, how often, how it refuses.

    The view gets what `body` or `query` read as its first argument. `answer` writes what it returns, alone or with
    headers.
    """

    method: str
    rule: str
    _: KW_ONLY
    answer: type[Schema]
    status: int = 200
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    # codes of refusals.py, besides those that follow from the rest
    refuses: tuple[str, ...] = ()
    limit: Limit | None = None
    # Looks at the token and raises NotAuthenticated; None: anybody may ask.
    auth: Callable[[], object] | None = caller
    # The status with which it also says `answer`, when that is no good news; the view then returns a response of its own.
    bad_news: int | None = None
    # None: worked out for each request.
    kept: Kept | None = None
    # The response holds a secret, such as a token: it is never stored. A view that makes something tells by `is_repeated()`
    # of http/idempotency.py that it made it before.
    has_secret: bool = False

    def __call__(self, view: View) -> View:
        served = self._serve(view)
        served._apidoc = self._describe(view)  # type: ignore[attr-defined] # noqa: SLF001 - where flask-smorest looks for it
        blueprint.route(self.rule, methods=[self.method], tags=[view.__module__.rpartition(".")[2].replace("_", "-").capitalize()])(served)
        return view

    def _serve(self, view: View) -> Callable[..., Response]:
        """The view that Flask calls."""
        answer, sent = self.answer(), (self.body or self.query or Schema)()
        read = _body if self.body else _query if self.query else None

        def work_out(**path: Any) -> Response:
            # Before the body is looked at: strangers learn nothing, not even what was wrong with it.
            if self.auth:
                self.auth()
            if self.limit:
                self.limit.count()
            result = view(_checked(sent, read()), **path) if read else view(**path)
            if isinstance(result, Response):
                return result
            content, headers = result if isinstance(result, tuple) else (result, None)
            return Response(json.write(answer.dump(content)), self.status, headers, mimetype="application/json")

        @wraps(view)
        def served(**path: Any) -> Response:
            response = self.kept.serve(work_out, **path) if self.kept else work_out(**path)
            return tagged(response) if self._is_public else response

        served.limit = self.limit  # type: ignore[attr-defined]
        served.has_secret = self.has_secret  # type: ignore[attr-defined]
        served.needs_token = self.auth is not None  # type: ignore[attr-defined]
        served.kept = self.kept  # type: ignore[attr-defined]
        return served

    @property
    def _is_public(self) -> bool:
        """Whether it is a read that answers everybody alike."""
        return self.method == "GET" and self.auth is None and not self.bad_news

    def _describe(self, view: View) -> dict[str, Any]:
        """What flask-smorest keeps about a view, of which its decorators make the document."""
        described: Any = blueprint.response(self.status, self.answer)(view)
        if self.body:
            described = blueprint.arguments(self.body(), location="json")(described)
        if self.query:
            described = blueprint.arguments(self.query(), location="query")(described)
        if self.bad_news:
            described = blueprint.alt_response(self.bad_news, schema=self.answer)(described)
        if self._is_public:
            described = blueprint.alt_response(304, description="It is still what `If-None-Match` names.")(described)
        known = {
            "operationId": view.__name__,
            "parameters": [IF_NONE_MATCH] if self._is_public else [IDEMPOTENCY_KEY] if self.method != "GET" else [],
            "responses": error_catalogue.error_responses(self._codes(), field=next(iter((self.body or self.query or Schema)().fields), "")),
        }
        security = {"security": EITHER_SCHEME} if self.auth else {}
        return dict(blueprint.doc(**known, **security)(described)._apidoc)  # noqa: SLF001 - where flask-smorest keeps it

    def _codes(self) -> set[str]:
        kinds = (
            (self.auth, error_catalogue.AUTH_ERRORS),
            (self.body, error_catalogue.BODY_ERRORS),
            (self.query, error_catalogue.QUERY_ERRORS),
            (self.method != "GET", error_catalogue.WRITE_ERRORS),
            (not self.bad_news, error_catalogue.LOOKUP_ERRORS),
            (True, error_catalogue.COMMON_ERRORS),
        )
        return {*self.refuses, *(code for is_so, codes in kinds if is_so for code in codes)}


# Lower case where it decorates.
endpoint = Endpoint


def _body() -> Any:
    if not request.is_json:
        raise UnsupportedMediaType
    body = request.get_data()
    # Without a length told beforehand a body is read up to the limit and looks as if it ended there.
    if request.content_length is None and len(body) >= (request.max_content_length or math.inf):
        raise RequestEntityTooLarge
    try:
        return json.read(body)
    except ValueError as error:
        raise DomainError("The body is not valid JSON.", code="bad_json") from error


def _query() -> dict[str, str]:
    return request.args.to_dict()


def _checked(schema: Schema, sent: Any) -> dict[str, Any]:
    """What was sent, as the schema reads it. Raises Invalid with a message per field."""
    try:
        read: dict[str, Any] = schema.load(sent)
    except ValidationError as error:
        raise Invalid("Some of the values are not valid.", fields=_by_field(error.messages_dict)) from error
    return read


def _by_field(messages: Mapping[str, Any]) -> dict[str, list[str]]:
    # marshmallow's name for what is wrong with all of it
    return {
        "body" if name == "_schema" else name: [str(message) for message in (said if isinstance(said, list) else [said])]
        for name, said in messages.items()
    }


IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "The `ETag` of an answer that you have; while it is still the same, the answer is 304 and empty.",
    "schema": {"type": "string"},
}

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "Your own name for this request. Sent again with it, the request gets the first answer and does nothing twice.",
    "schema": {"type": "string", "maxLength": 255},
    "example": "order-17",
}
