"""The OpenAPI document: what flask-smorest knows of the addresses, and what it cannot know."""

import copy
import datetime as dt
from functools import cached_property
from typing import Any

import flask_smorest
from flask import Flask

from evently.api.auth import SCHEMES
from evently.api.examples import BOOKING_ID, EVENT_ID, EXAMPLES, MAIL_ID, dated
from evently.api.schemas.base import Failure
from evently.database import utc_now

PREFIX = "/api"
DESCRIPTION = """\
Events, bookings and accounts as JSON. Every path ends in `/`; unknown query parameters and fields are ignored.

**Who you are.** Send `Authorization: Token <token>` (or `Bearer <token>`); registering and logging in answer with a token.
Cookies are never looked at.

**Values.** Moments are ISO 8601, sent with an offset and answered in UTC with `Z`. Amounts are numbers with two decimals in the
event's currency. Ids are UUIDs, those of people whole numbers. A number sent as text is refused.

**Lists** take `page` (from 1) and `page_size` (10, at most 100) and answer with absolute links to their neighbours.

**Refusals** are `{"error": "a sentence", "details": {"code": "stable", "fields": {"name": ["…"]}}}`.

**Again.** Send `Idempotency-Key` with a write, and the same request sent again gets the first answer and does nothing twice.
Responses with a token are not stored: a registration that is repeated makes no second account and answers with a new token.
"""
TAGS = {
    "Accounts": "Accounts, tokens and profiles.",
    "Events": "What is on, for everybody.",
    "Bookings": "Asking for tickets, watching what becomes of them, giving them back.",
    "Admin": "Events, for their organizers and for staff.",
    "Check-in": "Letting tickets in, for their organizers and for staff.",
    "Reporting": "How events sell.",
    "Users": "Accounts of others, for superusers.",
    "Health": "For monitors.",
}
IDS = {"event_id": EVENT_ID, "booking_id": BOOKING_ID, "mail_id": MAIL_ID, "user_id": 42, "seat": 2}
NUMBER = {"type": "integer", "minimum": 0}
HEADERS = {
    "X-Request-ID": {"description": "The name of this request: yours if you sent one.", "schema": {"type": "string"}},
    "X-RateLimit-Limit": {"description": "Requests in the window of the strictest limit that counted this one.", "schema": NUMBER},
    "X-RateLimit-Remaining": {"description": "How many of them are left.", "schema": NUMBER},
    "X-RateLimit-Reset": {"description": "When the window ends, in seconds since 1970.", "schema": NUMBER},
    "Retry-After": {"description": "Seconds after which it is worth trying again.", "schema": NUMBER},
    "Location": {"description": "The address of what was made.", "schema": {"type": "string", "format": "uri-reference"}},
}
REQUEST_ID = {
    "in": "header",
    "name": "X-Request-ID",
    "description": "Your own name for this request, in its answer and our log. Anything but 1 to 128 of A-Z a-z 0-9 ._:/+=- is replaced.",
    "schema": {"type": "string"},
    "example": "order-17",
}


class Reference(flask_smorest.Api):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest's view of the API, and the document made of it. The addresses of both are those of pages.py."""

    ERROR_SCHEMA = Failure

    def _register_error_handlers(self) -> None:
        """None: http/error_handlers.py answers every error."""

    def _register_doc_blueprint(self) -> None:
        """None: its pages load scripts from elsewhere."""

    _shown: tuple[dt.date, dict[str, Any]] | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The document with examples of today."""
        today = utc_now().date()
        if self._shown is None or self._shown[0] != today:
            self._shown = today, dated(self._undated, today)
        return self._shown[1]

    @cached_property
    def _undated(self) -> dict[str, Any]:
        document: dict[str, Any] = copy.deepcopy(self.spec.to_dict())
        document["servers"] = [{"url": PREFIX}, {"url": f"{PREFIX}/v1", "description": "The same, by a name with its version."}]
        document["info"] |= {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}}
        document["tags"] = [{"name": name, "description": said} for name, said in TAGS.items()]
        document["paths"] = {path.removeprefix(PREFIX): item for path, item in document["paths"].items()}
        components = document["components"]
        components |= {"headers": HEADERS, "parameters": {"RequestId": REQUEST_ID}}
        for schema in components["schemas"].values():
            # What is not known is ignored, which is not to say that it is refused.
            schema.pop("additionalProperties", None)
        for item in document["paths"].values():
            for parameter in item.get("parameters", []):
                parameter["example"] = IDS[parameter["name"]]
            for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
                _finish(item[method])
        _finish_answer("default", components["responses"]["DEFAULT_ERROR"])
        return document


def reference(app: Flask) -> Reference:
    described = Reference(app)
    for name, scheme in SCHEMES.items():
        described.spec.components.security_scheme(name, scheme)
    return described


def _finish(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/RequestId"})
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _exemplify(content)
    for status, answer in operation["responses"].items():
        if "$ref" not in answer:
            _finish_answer(status, answer)
    if operation["operationId"] == "book_tickets":
        operation["responses"]["201"]["headers"]["Location"] = {"$ref": "#/components/headers/Location"}


def _finish_answer(status: str, answer: dict[str, Any]) -> None:
    names = ["X-Request-ID", *(name for name in HEADERS if name.startswith("X-RateLimit"))]
    if status in {"409", "429"}:
        names.append("Retry-After")
    answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    for content in answer.get("content", {}).values():
        _exemplify(content)


def _exemplify(content: dict[str, Any]) -> None:
    example = EXAMPLES.get(content["schema"].get("$ref", "").rpartition("/")[2])
    if example:
        content["example"] = example
