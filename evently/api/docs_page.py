"""The OpenAPI document, and the pages that show it to people."""

from functools import cache
from typing import Any

from flask import Blueprint, Response, request

from evently.api.error_catalogue import ERRORS
from evently.api.openapi import Reference
from evently.api.openapi_view import errors_of, fields_of, indented, operations_of, parameters_of, response_fields_of, responses_of
from evently.events import markdown
from evently.http import json
from evently.http.htmx import render

# seconds; the document changes with the code, and its examples at midnight
MAX_AGE = 300


def pages(reference: Reference) -> Blueprint:
    # Rendered once, by the first request.
    introduction = cache(lambda: markdown.render(reference.document["info"]["description"]))
    blueprint = Blueprint("reference", __name__, url_prefix="/api")
    functions = (operations_of, parameters_of, fields_of, responses_of, response_fields_of, errors_of, indented)
    known: dict[str, Any] = {function.__name__: function for function in functions}

    @blueprint.get("/openapi.json")
    def document() -> Response:
        response = Response(json.write(reference.document), mimetype="application/json")
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
        response.add_etag()
        return response.make_conditional(request)  # type: ignore[return-value] # it returns itself

    @blueprint.get("/docs/")
    def show() -> Response:
        return render("api/reference.html", document=reference.document, introduction=introduction, refusals=ERRORS, **known)

    return blueprint
