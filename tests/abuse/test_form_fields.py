"""Forms that are sent without some of their fields, or with what no browser sends in them, are answered and break nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from tests.factories import PASSWORD, log_in, make_superuser
from tests.harness.visitor import Form, Visitor
from tests.idempotency.test_dashboard_forms import HANDLED
from tests.idempotency.test_forms import FORMS

# What is wrong with a request does not depend on the database; what it does to a booking is tried on both elsewhere.
pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)

TABLE: dict[str, Callable[[User], tuple[str, str, dict[str, Any]]]] = {**FORMS, **HANDLED}
OF_EVERY_FORM = {"csrf_token", "idempotency_key"}
UNUSUAL = ("\x00", "\U0001f600" * 5000, "9" * 400)


def variants(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of a form with each left out, all left out, and each with unusual values."""
    fields = data.keys() - OF_EVERY_FORM
    yield {"csrf_token": data["csrf_token"]}
    for name in sorted(fields):
        yield {other: value for other, value in data.items() if other != name}
        yield from (data | {name: value} for value in UNUSUAL)
        yield data | {name: [data[name], data[name]]}


@pytest.mark.parametrize("name", TABLE)
def test_is_answered_without_any_field_and_with_anything_in_it(name: str, visitor: Visitor, app: Flask, no_limits: None) -> None:
    user = make_superuser(is_organizer=True)
    log_in(visitor.client, user)
    address, action, fields = TABLE[name](user)
    forms: list[Form] = [form for form in visitor.forms(address) if form.method == "post"]
    form = next((form for form in forms if form.action == action), forms[0])
    assert broken(visitor.client, action, dict(form.fields) | fields) == []


@pytest.mark.parametrize("path", ["/login", "/register", "/password-reset"])
def test_so_are_those_of_visitors(path: str, visitor: Visitor, no_limits: None) -> None:
    [form] = [form for form in visitor.forms(path) if form.action.startswith(path)]
    named = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
    data = dict(form.fields)
    assert broken(visitor.client, path, data | {name: value for name, value in named.items() if name in data}) == []


def broken(client: FlaskClient, action: str, data: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
    return [(sent, status) for sent in variants(data) if (status := answered(client, action, sent)) >= 500]


def answered(client: FlaskClient, action: str, sent: dict[str, Any]) -> int:
    # Its own key each time, or the store of answers would refuse it.
    return client.post(action, data={name: value for name, value in sent.items() if name != "idempotency_key"}).status_code
