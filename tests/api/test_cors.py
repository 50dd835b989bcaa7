"""Which scripts of other sites may read the API."""

import pytest

from config import load_settings
from evently.env_parsers import ConfigurationError
from tests.factories import make_user

OURS, THEIRS = "https://app.example.org", "https://evil.example.org"
PREFLIGHT = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,content-type"}


@pytest.fixture
def allowed(app, monkeypatch):
    monkeypatch.setitem(app.config, "CORS_ORIGINS", (OURS, "http://localhost:5173"))


def cors_headers(response):
    return {name for name in dict(response.headers) if name.startswith("Access-Control-")}


def test_nobody_unless_configured(api):
    response = api("GET", "/user/events/", Origin=OURS)
    assert cors_headers(response) == set()
    assert "Origin" not in response.headers.get("Vary", "")


def test_a_configured_origin_may_read_answers_and_refusals(api, allowed):
    for path in ("/user/events/", "/user/auth/me/", "/nonsense/"):
        response = api("GET", path, Origin=OURS)
        assert response.headers["Access-Control-Allow-Origin"] == OURS
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    assert api("GET", "/user/events/", Origin="http://localhost:5173").headers["Access-Control-Allow-Origin"] == "http://localhost:5173"


@pytest.mark.parametrize(
    "origin", [THEIRS, "null", "", "https://app.example.org.evil.org", "https://app.example.org:8443", "http://app.example.org"]
)
def test_no_other_origin(api, allowed, origin):
    for response in (api("GET", "/user/events/", Origin=origin), api("OPTIONS", "/bookings/", Origin=origin, **PREFLIGHT)):
        assert cors_headers(response) == set()
        # A cache on the way must not hand one origin's answer to another.
        assert "Origin" in response.headers["Vary"]


def test_a_browser_that_asks_first(api, allowed):
    response = api("OPTIONS", "/bookings/", Origin=OURS, **PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert set(response.headers["Access-Control-Allow-Methods"].split(", ")) == {"POST", "OPTIONS"}
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(response.headers["Access-Control-Allow-Headers"].split(", "))
    assert int(response.headers["Access-Control-Max-Age"]) > 0
    me = api("OPTIONS", "/user/auth/me/", Origin=OURS, **PREFLIGHT)
    assert {"GET", "PATCH"} <= set(me.headers["Access-Control-Allow-Methods"].split(", "))


def test_pages_are_never_shared(client, allowed):
    assert cors_headers(client.get("/", headers={"Origin": OURS})) == set()


def test_no_cookie_helps_a_script(api, allowed):
    assert api("GET", "/user/auth/me/", Origin=OURS, Cookie="session=whatever").status_code == 401
    assert api("GET", "/user/auth/me/", by=make_user(), Origin=OURS).status_code == 200


def settings(tmp_path, origins):
    return load_settings({"EVENTLY_DATA_DIR": str(tmp_path), "CORS_ORIGINS": origins})


def test_origins_are_a_setting(tmp_path):
    assert settings(tmp_path, "").CORS_ORIGINS == ()
    assert settings(tmp_path, f"{OURS}/, HTTP://localhost:5173").CORS_ORIGINS == (OURS, "http://localhost:5173")
    for nonsense in ("*", "example.org", "https://example.org/path", "ftp://example.org", "https://*.example.org"):
        with pytest.raises(ConfigurationError, match="CORS_ORIGINS"):
            settings(tmp_path, nonsense)
