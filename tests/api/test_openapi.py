"""The OpenAPI document: valid, complete and true. Every other test of the API holds what it is answered against it, too."""

import datetime as dt
import re
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from evently.api import openapi
from evently.api.error_catalogue import ERRORS
from evently.api.examples import EXAMPLES
from tests.api.conftest import validator
from tests.harness.site import on_sqlite

SOURCES = Path(__file__).parents[2] / "evently"
PUBLIC = {"register", "login", "list_events", "show_event", "show_availability", "show_health"}


@pytest.fixture
def document(api):
    response = api("GET", "/openapi.json")
    assert response.status_code == 200
    return response.json


@pytest.fixture
def operations(document):
    """(method, path, operation)"""
    items = document["paths"].items()
    return [(method, path, operation) for path, item in items for method, operation in item.items() if method != "parameters"]


def test_the_document_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_address_is_in_the_document(app, operations):
    served = {
        (re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert served == {(path, method) for method, path, _ in operations}
    assert all(path.endswith("/") for path, _ in served)


def test_its_servers_are_both_bases(document):
    assert [server["url"] for server in document["servers"]] == ["/api", "/api/v1"]


def test_every_operation_says_what_it_is_and_who_may_call_it(document, operations):
    tags = {tag["name"] for tag in document["tags"]}
    for _, _, operation in operations:
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert ("security" in operation) == (operation["operationId"] not in PUBLIC)
        assert ("401" in operation["responses"]) == (operation["operationId"] not in PUBLIC - {"login"})
    assert len({operation["operationId"] for *_, operation in operations}) == len(operations)


def test_every_body_and_every_answer_has_a_true_example(operations):
    for _, _, operation in operations:
        contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
        contents += [answer["content"] for answer in operation["responses"].values() if "content" in answer]
        for content in (content["application/json"] for content in contents):
            examples = [content["example"]] if "example" in content else [example["value"] for example in content["examples"].values()]
            for example in examples:
                assert not list(validator(content["schema"]["$ref"]).iter_errors(example)), (operation["operationId"], example)


def test_examples_tell_their_fields_in_the_order_of_answers(document, operations):
    for _, _, operation in operations:
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                content = answer["content"]["application/json"]
                name = content["schema"]["$ref"].rpartition("/")[2]
                assert list(content["example"]) == list(document["components"]["schemas"][name]["properties"]), name


def test_no_example_is_left_over(document):
    assert EXAMPLES.keys() <= document["components"]["schemas"].keys()


def test_every_parameter_is_explained_by_an_example(operations, document):
    for path, item in document["paths"].items():
        for parameter in item.get("parameters", []):
            assert parameter["example"], path
    for method, _, operation in operations:
        names = {parameter.get("name", parameter.get("$ref")) for parameter in operation["parameters"]}
        assert "#/components/parameters/RequestId" in names
        assert ("Idempotency-Key" in names) == (method != "get")


def test_every_refusal_has_its_headers_and_its_codes(operations):
    for _, _, operation in operations:
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                assert status == "default"
                continue
            assert "X-Request-ID" in answer["headers"]
            if is_refusal(status, operation):
                assert {ERRORS[code][0] for code in answer["content"]["application/json"]["examples"]} == {int(status)}
        assert operation["operationId"] == "show_health" or "Retry-After" in operation["responses"]["429"]["headers"]
    assert "Location" in next(o for *_, o in operations if o["operationId"] == "book_tickets")["responses"]["201"]["headers"]


def is_refusal(status, operation):
    """Health tells with 503 what it tells with 200."""
    return status[0] == "4" or (status == "503" and operation["operationId"] != "show_health")


def test_every_code_that_can_be_raised_is_known(operations):
    """Those of pages only are named here."""
    folders = ("accounts", "api", "bookings", "events", "idempotency", "notifications", "reporting")
    texts = [path.read_text() for folder in folders for path in (SOURCES / folder).rglob("*.py")]
    raised = {code for text in texts for code in re.findall(r'code="([a-z_]+)"', text)}
    of_editors = {"changed_meanwhile", "not_checked", "being_imported"}
    of_links = {"already_confirmed", "dead_link", "email_taken", "no_pending_email", "other_account", "password_changed"}
    of_accounts = {"account_closed", "email_not_confirmed", "has_events_to_come", "last_superuser", "too_many_tokens", "yourself"}
    assert raised - ERRORS.keys() == {*of_editors, "mail_not_failed", "not_a_draft", *of_links, *of_accounts}
    told = {
        code
        for *_, operation in operations
        for status, answer in operation["responses"].items()
        if is_refusal(status, operation)
        for code in answer["content"]["application/json"]["examples"]
    }
    assert told == ERRORS.keys()


def test_the_document_is_asked_for_by_its_tag(client):
    first = client.get("/api/openapi.json")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = client.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@on_sqlite
@pytest.mark.parametrize("year", [2026, 2031, 2998])
def test_events_of_examples_lie_ahead_in_every_year(client, monkeypatch, year):
    now = dt.datetime(year, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    monkeypatch.setattr(openapi, "utc_now", lambda: now)
    text = client.get("/api/openapi.json").text
    dates = re.findall(r'"(\w+)": ?"(\d{4}-\d\d-\d\d)[T"]', text)
    assert {name for name, _ in dates} >= {"time", "expires_at", "booking_date", "created_at", "admitted_at", "date"}
    for name, date in dates:
        # What happened to a booking has a `time` too.
        assert name == "time" or (dt.date.fromisoformat(date) > now.date()) is (name == "expires_at"), f"{name}: {date}"
    [event] = set(re.findall(r'"venue": ?"[^"]*","time": ?"([^"]*)"', text))
    assert dt.datetime.fromisoformat(event) > now
    assert event in client.get("/api/docs/").text


@on_sqlite
def test_the_document_is_the_same_all_day_long(client, monkeypatch):
    tags = []
    for hour, day in ((0, 1), (23, 1), (0, 2)):
        monkeypatch.setattr(openapi, "utc_now", lambda day=day, hour=hour: dt.datetime(2031, 5, day, hour, 59, tzinfo=dt.UTC))
        tags.append(client.get("/api/openapi.json").headers["ETag"])
    assert tags[0] == tags[1] != tags[2]
