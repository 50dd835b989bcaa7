"""What every answer carries, by which names the site answers, and what follows from how a request came."""

import re
from ipaddress import ip_network

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from evently.http.proxies import BehindProxies
from tests.factories import PASSWORD, make_event, make_user
from tests.harness.visitor import Visitor, is_signed_in

pytestmark = pytest.mark.parametrize("site", ["sqlite"], indirect=True)
PROXY = {"REMOTE_ADDR": "10.0.0.7"}


@pytest.fixture
def proxied(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "wsgi_app", BehindProxies(app.wsgi_app, [ip_network("10.0.0.0/8")]))


def through_proxy(scheme: str = "https", visitor: str = "203.0.113.9", host: str = "localhost") -> dict[str, dict[str, str]]:
    return {"environ_overrides": PROXY, "headers": {"X-Forwarded-Proto": scheme, "X-Forwarded-For": visitor, "Host": host}}


@pytest.mark.parametrize("path", ["/", "/api/user/events/", "/static/evently.css", "/nothing", "/api/nothing"])
def test_every_answer_says_what_browsers_must_not_do(client: FlaskClient, path: str):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_scripts_run_by_a_word_that_is_new_each_time(client: FlaskClient):
    make_event()
    seen = set()
    for path in ("/", "/login", "/nothing"):
        page = client.get(path)
        [nonce] = re.findall(r"script-src 'nonce-([\w-]{22})';", page.headers["Content-Security-Policy"])
        assert set(re.findall(r'<script[^>]* nonce="([^"]*)"', page.text)) == {nonce}
        assert len(re.findall(r"<script\b", page.text)) == len(re.findall(r"<script\b[^>]*nonce=", page.text))
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        seen.add(nonce)
    assert len(seen) == 3


def test_only_the_page_that_scans_tickets_may_use_the_camera(app: Flask, client: FlaskClient):
    with app.test_request_context():
        page = url_for("dashboard.check_in", event_id=make_event().id)
    # Even to be sent away from it.
    assert "camera=(self)" in client.get(page).headers["Permissions-Policy"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "tickets.example.org", "a.b.example.net", "example.net"])
def test_the_site_answers_to_its_names(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, host: str):
    monkeypatch.setitem(app.config, "ALLOWED_HOSTS", ("localhost", "127.0.0.1", ".example.net"))
    monkeypatch.setitem(app.config, "SITE_URL", "https://tickets.example.org")
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["example.org", "localhost.example.org", "localhost@example.org", "example.netlocalhost", "127.0.0.1.nip.io", "[::1]"]
)
def test_and_to_no_others(client: FlaskClient, host: str):
    page, answer = (client.get(path, headers={"Host": host}) for path in ("/", "/api/user/events/"))
    assert (page.status_code, answer.status_code) == (400, 400)
    assert "ALLOWED_HOSTS" in page.text
    assert answer.json["details"]["code"] == "unknown_host"
    # A load balancer knows no name.
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_any_name_will_do_where_the_operator_says_so(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "ALLOWED_HOSTS", ("*",))
    assert client.get("/", headers={"Host": "whatever.example"}).status_code == 200


@pytest.mark.usefixtures("proxied")
def test_cookies_and_browsers_are_bound_to_https_where_the_proxy_says_so(client: FlaskClient):
    by_https, by_http = client.get("/login", **through_proxy()), client.get("/login", **through_proxy("http"))
    assert by_https.headers["Set-Cookie"].startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(by_https.headers["Set-Cookie"].split("; "))
    assert "Domain" not in by_https.headers["Set-Cookie"]
    assert by_https.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert by_http.headers["Set-Cookie"].startswith("session=")
    assert "Secure" not in by_http.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in by_http.headers


@pytest.mark.usefixtures("proxied")
def test_one_signs_in_by_https_without_a_referer(app: Flask):
    make_user(username="ada")

    class ByHttps(type(app.test_client())):
        def open(self, *args, **kwargs):
            return super().open(*args, **{"base_url": "https://localhost"} | kwargs)

    visitor = Visitor(ByHttps(app, app.response_class, use_cookies=True))
    assert visitor.submit("/login", {"username": "ada", "password": PASSWORD}).status_code == 303
    assert is_signed_in(visitor)


def test_nobody_else_is_believed(client: FlaskClient):
    answer = client.get("/login", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
    assert answer.headers["Set-Cookie"].startswith("session=")
    assert "Strict-Transport-Security" not in answer.headers


def test_a_site_of_https_never_gives_its_cookie_away_by_http(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "SITE_URL", "https://tickets.example.org")
    # A proxy that forgot to say how the request came.
    assert "Secure" in client.get("/login", headers={"Host": "tickets.example.org"}).headers["Set-Cookie"]
    # Its operator, on the machine itself.
    assert "Secure" not in client.get("/login").headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("sender", "chain", "visitor"),
    [
        ("10.0.0.7", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "1.1.1.1, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        ("::ffff:10.0.0.7", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.7", "[2001:db8::5]:4711", "2001:db8::5"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.7", "unknown", "10.0.0.7"),
        ("10.0.0.7", "1.1.1.1, garbage, 10.0.0.3", "10.0.0.3"),
        ("203.0.113.1", "1.1.1.1", "203.0.113.1"),
    ],
)
def test_the_visitor_is_the_nearest_who_is_no_proxy_of_ours(site: object, sender: str, chain: str, visitor: str):
    seen = {}
    BehindProxies(lambda environ, _: seen.update(environ), [ip_network("10.0.0.0/8")])(
        {"REMOTE_ADDR": sender, "HTTP_X_FORWARDED_FOR": chain, "wsgi.url_scheme": "http"}, None
    )
    assert seen["REMOTE_ADDR"] == visitor


@pytest.mark.usefixtures("proxied")
def test_limits_count_visitors_and_not_the_proxy(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "ANONYMOUS_RATE_LIMIT", "2 per hour")
    mine = [client.get("/", **through_proxy(visitor="203.0.113.9")).status_code for _ in range(3)]
    theirs = client.get("/", **through_proxy(visitor="203.0.113.10")).status_code
    # Whoever writes the header themselves moves nothing: the proxy adds the address that it sees.
    forged = client.get("/", **through_proxy(visitor="198.51.100.1, 203.0.113.9")).status_code
    assert (mine, theirs, forged) == ([200, 200, 429], 200, 429)
