import pytest

from evently.bookings import queries
from tests.factories import PASSWORD, make_event, make_user

LOGIN = "/user/auth/login/"


def is_a_failure(response, status, code):
    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert response.json.keys() == {"error", "details"}
    assert response.json["error"].endswith(".")
    assert response.json["details"]["code"] == code
    return True


def test_unknown_addresses(api):
    for path in ("", "/", "/nonsense", "/bookings/nonsense/extra/", "/user/", "/admin/events/%2e%2e/", "/%ff"):
        assert is_a_failure(api("GET", path), 404, "not_found")
        assert is_a_failure(api("POST", path, {}), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/bookings/", {"POST", "OPTIONS"}),
        ("PUT", "/bookings/00000000-0000-0000-0000-000000000000/", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("POST", "/user/events/", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/user/auth/me/", {"GET", "HEAD", "PATCH", "OPTIONS"}),
    ],
)
def test_methods_an_address_does_not_take(api, method, path, allowed):
    response = api(method, path)
    assert is_a_failure(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_bodies_that_are_no_json(api):
    for raw in ("", " ", "{", "{'a': 1}", "nothing", '{"a": NaN}', '"\\ud800"', "[" * 100_000, '{"a": 1,}', b"\xff\xfe"):
        assert is_a_failure(api("POST", LOGIN, raw=raw), 400, "bad_json")


def test_bodies_that_are_no_object(api):
    for raw in ("[]", '"text"', "5", "null", "true", '[{"username": "x", "password": "y"}]'):
        response = api("POST", LOGIN, raw=raw)
        assert is_a_failure(response, 422, "invalid")
        assert response.json["details"]["fields"] == {"body": ["Send a JSON object."]}


def test_bodies_of_another_type(client):
    credentials = f'{{"username": "{make_user().username}", "password": "{PASSWORD}"}}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/html", None):
        response = client.post(f"/api{LOGIN}", data=credentials, content_type=content_type)
        assert is_a_failure(response, 415, "unsupported_media_type")


def test_no_body_where_one_is_needed(api):
    assert is_a_failure(api("POST", LOGIN), 415, "unsupported_media_type")
    assert is_a_failure(api("PATCH", "/user/auth/me/", by=make_user()), 415, "unsupported_media_type")


def test_a_body_that_is_too_large(app, api):
    raw = '{"username": "' + "x" * app.config["MAX_CONTENT_LENGTH"] + '"}'
    assert is_a_failure(api("POST", LOGIN, raw=raw), 413, "too_large")
    assert is_a_failure(api("POST", LOGIN, raw=raw, Idempotency_Key="mine"), 413, "too_large")


def test_a_body_that_is_too_large_and_does_not_say_so(app, client):
    body = '{"username": "x", "password": "' + "x" * app.config["MAX_CONTENT_LENGTH"] + '"}'
    # What a server makes of Transfer-Encoding: chunked.
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    response = client.post(f"/api{LOGIN}", data=body, content_type="application/json", environ_overrides=chunked)
    assert is_a_failure(response, 413, "too_large")
    short = client.post(f"/api{LOGIN}", data="{}", content_type="application/json", environ_overrides=chunked)
    assert is_a_failure(short, 422, "invalid")


def test_a_key_for_an_address_that_leads_nowhere(api):
    for method in ("POST", "PUT"):
        assert is_a_failure(api(method, "/nonsense/", {}, Idempotency_Key="mine"), 404, "not_found")


def test_text_that_no_database_keeps(api):
    for text in ("a\0b", "\0", "a\x1bb"):
        response = api("POST", LOGIN, {"username": text, "password": text})
        assert is_a_failure(response, 422, "invalid")
        assert response.json["details"]["fields"].keys() == {"username", "password"}


def test_strangers_are_refused_before_their_body_is_looked_at(api):
    assert is_a_failure(api("POST", "/bookings/", raw="{"), 401, "not_authenticated")
    assert is_a_failure(api("POST", "/admin/events/", {}), 401, "not_authenticated")


def test_a_crash_tells_nothing_of_itself(api, monkeypatch, caplog):
    # A fault of the database is not to be had from outside; this one is.
    monkeypatch.setattr(queries, "get_queue_position", lambda _booking: 1 / 0)
    user, event = make_user(), make_event()
    booking = api("POST", "/bookings/", {"event_id": str(event.id), "number_of_tickets": 1}, by=user).json
    response = api("GET", f"/bookings/{booking['id']}/", by=user)
    assert is_a_failure(response, 500, "internal_error")
    assert "ZeroDivision" not in response.text
    assert "ZeroDivisionError" in caplog.text


def test_pages_keep_their_own_errors(client):
    assert client.get("/nonsense").mimetype == "text/html"
