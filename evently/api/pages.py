"""The OpenAPI document."""

from flask import Blueprint, Response, request

from evently.api.reference import Reference
from evently.http import json

# seconds; the document changes with the code only
MAX_AGE = 300


def pages(reference: Reference) -> Blueprint:
    blueprint = Blueprint("reference", __name__, url_prefix="/api")

    @blueprint.get("/openapi.json")
    def document() -> Response:
        response = Response(json.write(reference.document), mimetype="application/json")
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
        response.add_etag()
        return response.make_conditional(request)  # type: ignore[return-value] # it returns itself

    return blueprint
