import re
from functools import cache

import pytest
from flask import current_app
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.factories import auth

UNTOLD = {"bad_request", "internal_error", "method_not_allowed", "not_acceptable"}


@pytest.fixture
def api(client: FlaskClient):
    """`api("POST", "/bookings/", {…}, by=somebody)`; without `by` nobody asks. `raw` is a body as it stands.

    Whatever is answered has to be what the OpenAPI document says.
    """

    def call(method, path, body=None, *, by=None, raw=None, **headers):
        sent = {"data": raw, "content_type": "application/json"} if raw is not None else {"json": body} if body is not None else {}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.open(f"/api{path}", method=method, headers=(auth(by) if by else {}) | headers, **sent)
        is_as_documented(method, path, response)
        return response

    return call


def is_as_documented(method, path, response):
    operation = operation_of(method, path.partition("?")[0].removeprefix("/v1"))
    code = response.json["details"]["code"] if response.is_json and "details" in (response.json or {}) else None
    if operation is None or response.status_code == 304 or code in UNTOLD:
        return
    content = operation["responses"][str(response.status_code)]["content"]["application/json"]
    problems = list(validator(content["schema"]["$ref"]).iter_errors(response.json))
    assert not problems, problems
    assert code is None or code in content["examples"], f"{operation['operationId']} does not document {code}"


def operation_of(method, path):
    for template, item in document()["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method.lower() in item:
            return item[method.lower()]
    return None


@cache
def document():
    return current_app.test_client().get("/api/openapi.json").json


@cache
def validator(reference):
    resource = DRAFT202012.create_resource({"$id": "urn:evently", **document()})
    registry = Registry().with_resource("urn:evently", resource)
    return Draft202012Validator({"$ref": f"urn:evently{reference}"}, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
