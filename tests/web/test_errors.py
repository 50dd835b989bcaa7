import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from evently.database import transaction
from tests.factories import api_token, log_in, make_event, make_user
from tests.harness.visitor import Visitor


def test_unknown_addresses_get_a_page_for_people(client: FlaskClient):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "Nothing at this address" in answer.text
    assert 'href="/"' in answer.text


def test_the_wrong_method_says_so(client: FlaskClient):
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "That does not work here" in answer.text


def test_a_form_that_is_too_large_is_refused(visitor: Visitor):
    token = visitor.token("/login")
    answer = visitor.client.post("/login", data={"username": "x" * 2_000_000, "csrf_token": token})
    assert answer.status_code == 413
    assert "That is too large" in answer.text


def test_a_form_without_its_token_is_too_old(client: FlaskClient):
    answer = client.post("/login", data={"username": "x", "password": "y"})
    assert answer.status_code == 400
    assert "This form is too old" in answer.text


def test_logging_in_too_often_is_slowed_down(app: Flask, visitor: Visitor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "LOGIN_RATE_LIMIT", "1 per minute")
    fields = {"username": "nobody", "password": "nothing"}
    assert [visitor.submit("/login", fields).status_code for _ in range(2)] == [422, 429]
    assert visitor.get("/login").status_code == 200


@pytest.mark.parametrize("is_fragment", [True, False])
def test_a_database_that_is_away_is_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, is_fragment: bool):
    def away(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server at 10.0.0.5 is gone"))

    monkeypatch.setattr("sqlalchemy.engine.Connection.execute", away)
    answer = client.get("/", headers={"HX-Request": "true"} if is_fragment else {})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "just now. Please try again" in answer.text
    assert "10.0.0.5" not in answer.text


def test_a_write_without_a_database_is_told_too(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    """Nothing can be said of its idempotency key then, whose lease ends by itself."""
    token, body = api_token(make_user()), {"event_id": str(make_event().id), "number_of_tickets": 1}
    headers = {"Authorization": f"Token {token}", "Idempotency-Key": "order-17"}

    def away(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the database system is shutting down"))

    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    for broken in (("bookings.services.queue_booking", "idempotency.services.release"), ("idempotency.services.store_response",)):
        with monkeypatch.context() as patch:
            for name in broken:
                patch.setattr(f"evently.{name}", away)
            answer = client.post("/api/bookings/", json=body, headers=headers)
        assert (answer.status_code, answer.json["details"]["code"]) == (503, "unavailable"), broken
        headers["Idempotency-Key"] = "order-18"


def test_a_failure_of_ours_is_told_without_asking_who_is_looking(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    make_event()
    log_in(client, make_user())

    def away(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("the database is away")

    monkeypatch.setattr("sqlalchemy.engine.Connection.execute", away)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    page = client.get("/bookings")
    assert page.status_code == 500
    assert "This should not have happened" in page.text
    alert = client.get("/bookings", headers={"HX-Request": "true"})
    assert alert.status_code == 500
    assert 'role="alert"' in alert.text
    assert "<html" not in alert.text


def test_a_connection_lost_in_a_transaction_is_unavailable(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    def lose(*_args: object, **_kwargs: object) -> None:
        with transaction() as session:
            session.connection().invalidate()
            session.execute(sa.text("SELECT 1"))

    monkeypatch.setattr("evently.events.queries.describe_public_events", lose)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get("/api/user/events/")
    assert (answer.status_code, answer.json["details"]["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
