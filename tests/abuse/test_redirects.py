"""No request sends a browser to another site, wherever the request names the target."""

from urllib.parse import parse_qs, urlsplit

import pytest

from evently.http.redirects import is_safe_redirect
from tests.factories import PASSWORD, log_in, make_user
from tests.harness.parts import ROOT
from tests.harness.visitor import Visitor

EVIL = [
    # another host, without and with a scheme
    "//evil.example", "///evil.example", "////evil.example/x", "//evil.example:443/", "//localhost.evil.example", "//[::1]/", "//[",
    "https://evil.example", "http://evil.example/login", "HTTPS://evil.example", "https:evil.example", "https:/evil.example",
    "http:///evil.example",
    # this host by another scheme or port, or as it is: a target is a path and nothing else
    "http://localhost/", "https://localhost/", "http://localhost:8080/", "ftp://localhost/", "//localhost/",
    # a name and a password before the host
    "//mira@evil.example", "http://localhost@evil.example/", "http://localhost:80@evil.example/", "//localhost:x@evil.example",
    # browsers read a backslash as a slash
    "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\\/evil.example", "/x\\..\\..\\evil.example",
    # browsers drop tabs and line breaks anywhere, spaces and control characters at the ends
    "/\t/evil.example", "\t//evil.example", "/\n/evil.example", "/\r\n/evil.example", " //evil.example", "\x00//evil.example",
    "/\x0b/evil.example", "/x\r\nLocation: https://evil.example", "/x\r\nSet-Cookie: session=1", "/x\n", "/x\x7f",
    # what some software folds to a slash or a backslash, and what cannot be seen
    "\uff0f\uff0fevil.example", "/\uff0fevil.example", "/\uff3cevil.example", "\uff0f/evil.example",
    "/\u2028/evil.example", "/\u00a0/evil.example", "/\u200b/evil.example",
    # no path at all
    "javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
    "mailto:x@evil.example", "evil.example", "evil", "@evil.example", "?next=//evil.example", "#x", "./x", "../x", "",
]  # fmt: skip
OWN = [
    "/", "/events/x?tickets=2#book", "/bookings?tab=past", "/?q=a%2F%2Fb", "/?q=//evil.example", "/@evil.example",
    "/account#//evil.example", "/?search=žluťoučký+kůň", "/events/x//y", "/?next=https://evil.example", "/https://evil.example",
    "/%2F%2Fevil.example", "/%09/evil.example",
]  # fmt: skip
# The page that a form was on, and where the visitor comes back to.
REFERRERS = {
    "http://localhost/account/sessions": "/account/sessions",
    "http://localhost/account?a=1#b": "/account?a=1",
    "http://localhost": "/",
    "http://localhost//evil.example": "/",
    "http://localhost///evil.example/x": "/",
    "http://localhost/\\evil.example": "/",
    "http://localhost/\uff0fevil.example": "/",
    "http://localhost:8080/account": "/",
    "http://localhost.evil.example/account": "/",
    "http://evil.example/account": "/",
    "https://evil.example/account": "/",
    "ftp://localhost/account": "/",
    "javascript://localhost/%0aalert(1)": "/",
    "data:text/html,x": "/",
    "//localhost/account": "/",
    "//evil.example": "/",
    "/account": "/",
    "http://mira@localhost/account": "/",
    "http://localhost@evil.example/account": "/",
    "http://localhost\\@evil.example/account": "/",
    "http://[evil.example/account": "/",
    "": "/",
}


@pytest.mark.parametrize("target", EVIL)
def test_a_target_elsewhere_is_not_safe(target: str):
    assert not is_safe_redirect(target)


@pytest.mark.parametrize("target", OWN)
def test_a_path_of_this_site_is_safe(target: str):
    assert is_safe_redirect(target)


def test_signing_in_redirects_only_within_this_site(visitor: Visitor, no_limits: None):
    make_user(username="mira")
    for target in EVIL:
        for door in ("/login", "/register"):
            assert "evil.example" not in visitor.client.get(door, query_string={"next": target}).text
        fields = {"username": "mira", "password": PASSWORD, "csrf_token": visitor.token("/login")}
        assert visitor.client.post("/login", query_string={"next": target}, data=fields).location == "/", target
        # Who is signed in passes through.
        assert {visitor.client.get(door, query_string={"next": target}).location for door in ("/login", "/register")} == {"/"}
        visitor.submit("/", action="/logout")


@pytest.mark.parametrize("header", ["Referer", "HX-Current-URL"])
def test_the_page_of_a_form_is_gone_back_to_only_on_this_site(visitor: Visitor, header: str):
    token, is_htmx = visitor.token("/login"), header == "HX-Current-URL"
    for page, back in REFERRERS.items():
        headers = {header: page.encode().decode("latin-1")} | ({"HX-Request": "true"} if is_htmx else {})
        answer = visitor.client.post("/account/sessions/end", data={"csrf_token": token}, headers=headers)
        location = urlsplit(answer.headers["HX-Redirect" if is_htmx else "Location"])
        assert (location.netloc, location.path, parse_qs(location.query)) == ("", "/login", {"next": [back]}), page


def test_a_form_that_was_open_for_too_long_leads_to_no_other_site(visitor: Visitor):
    log_in(visitor.client, make_user())
    for page, back in REFERRERS.items():
        headers = {"Sec-Fetch-Site": "same-origin", "Referer": page.encode().decode("latin-1")}
        answer = visitor.client.post("/account/sessions/end", data={"csrf_token": "old"}, headers=headers)
        assert (answer.status_code, answer.location) == (303, back), page


def test_a_path_that_looks_like_a_host_is_no_way_there(visitor: Visitor):
    """Werkzeug corrects doubled slashes by a redirect of its own, which names this host."""
    for path in ("//evil.example/account", "//evil.example/..", "/\\evil.example", "//evil.example//account/"):
        for method in (visitor.client.get, visitor.client.post):
            answer = method("/", environ_overrides={"PATH_INFO": path, "RAW_URI": path, "REQUEST_URI": path})
            location = urlsplit(answer.headers.get("Location", "/"))
            assert location.netloc in {"", "localhost"}, path
            assert location.path.startswith("/")


def test_targets_are_read_from_requests_in_one_place():
    """A view that reads one by itself would go without the check."""
    for path in (ROOT / "evently").rglob("*.py"):
        text = path.read_text()
        if path != ROOT / "evently/http/redirects.py":
            for word in ("request.referrer", '"Referer"', "HX-Current-URL", '("next"', '["next"]'):
                assert word not in text, f"{word} in {path.relative_to(ROOT)}"
