import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture
def document(api):
    response = api("GET", "/openapi.json")
    assert response.status_code == 200
    return response.json


def test_the_document_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_address_is_in_the_document(app, document):
    served = {
        (re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == {(path, method) for path, operations in document["paths"].items() for method in operations.keys() - {"parameters"}}
    assert all(path.endswith("/") for path, _ in served)


def test_every_operation_says_what_it_is_and_who_may_call_it(document):
    public = {"register", "login", "list_events", "show_event", "show_availability", "show_health"}
    for operations in document["paths"].values():
        for operation in (operations[method] for method in operations.keys() - {"parameters"}):
            assert operation["summary"]
            assert ("security" in operation) == (operation["operationId"] not in public)
            assert ("401" in operation["responses"]) == (operation["operationId"] not in public - {"login"})
