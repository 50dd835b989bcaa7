"""The proxy's files: read by a parser of theirs, and by nginx itself in front of the site."""

import contextlib
import json
import os
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import crossplane
import pytest
from flask import Flask

from evently.cli.checks import check_proxies
from evently.launch.ports import free_port, is_taken
from evently.launch.processes import Child, wait_until
from tests.harness.live import serving
from tests.harness.parts import ROOT, find_nginx, require
from tests.harness.site import Site

FILES = ROOT / "deploy" / "nginx"
NAME = "tickets.example.org"
[SERVERS] = re.findall(r"echo '(server .*;)'", (FILES / "start.sh").read_text())


def laid_out(place: Path, *, shape: str, http: int = 80, https: int = 443) -> Path:
    """The files of this shape where they belong, but below this directory and on these ports; the file to start nginx with."""
    shutil.copytree(FILES, place / "evently")
    for name in ("upstream", "listen"):
        shutil.move(place / "evently" / f"{name}-{shape}.conf", place / "evently" / f"{name}.conf")
    text = (FILES / "evently.conf").read_text()
    text = text.replace("/etc/nginx/evently", f"{place}/evently").replace("/srv/evently", str(ROOT))
    text = re.sub(r"listen (\[::\]:)?80 ", rf"listen \g<1>{http} ", text)
    (place / "evently.conf").write_text(text)
    # deploy/nginx/start.sh writes this one.
    (place / "evently-servers.conf").write_text(SERVERS)
    upstream = place / "evently" / "upstream.conf"
    upstream.write_text(upstream.read_text().replace("/etc/nginx/evently-servers.conf", f"{place}/evently-servers.conf"))
    listen = place / "evently" / "listen.conf"
    listen.write_text(re.sub(r"listen (\[::\]:)?443 ", rf"listen \g<1>{https} ", listen.read_text()))
    main = place / "nginx.conf"
    main.write_text(
        # The clone, and the test's own directory, may lie where only root can read.
        f"{'user root; ' if os.geteuid() == 0 else ''}daemon off; pid {place}/pid; error_log stderr; events {{}}\n"
        # What Debian's nginx.conf says already, or that of its next release.
        "http { gzip on; server_tokens off; ssl_protocols TLSv1 TLSv1.2; ssl_prefer_server_ciphers on;\n"
        f"types {{ text/css css; }} access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;\n"
        f"fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; include {place}/evently.conf; }}\n"
    )
    return main


SHAPES = pytest.mark.parametrize("shape", ["compose", "machine"])


def parsed(place: Path, shape: str) -> list[dict[str, Any]]:
    """Every directive of the files of this shape, those within blocks included."""
    found = crossplane.parse(str(laid_out(place, shape=shape)), catch_errors=True)
    assert found["errors"] == []
    assert len(found["config"]) == (6 if shape == "compose" else 5)
    return list(_flat(directive for file in found["config"] for directive in file["parsed"]))


def _flat(directives: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for directive in directives:
        yield directive
        yield from _flat(directive.get("block", []))


@SHAPES
def test_each_file_is_understood(tmp_path: Path, shape: str):
    assert parsed(tmp_path, shape)


@SHAPES
def test_no_name_of_shared_memory_is_used_twice(tmp_path: Path, shape: str):
    """nginx refuses that at its start, and its parser does not know."""
    names = []
    for directive in parsed(tmp_path, shape):
        if directive["directive"] == "zone":
            names.append(directive["args"][0])
        names += re.findall(r"(?:shared|keys_zone|zone)[:=](\w+)", " ".join(directive["args"]))
    assert sorted(set(names)) == sorted(names)
    assert "evently" in names


@pytest.fixture
def https(site: Site, tmp_path: Path, app: Flask) -> Iterator[tuple[int, int]]:
    """nginx in front of a live site; its ports for http and https."""
    require("nginx")
    require("openssl")
    http_port, https_port = free_port(), free_port()
    main = laid_out(tmp_path, shape="machine", http=http_port, https=https_port)
    subprocess.run([ROOT / "deploy/self-signed.sh", NAME, tmp_path / "evently/certificates"], capture_output=True, check=True)
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(
            serving(site, SITE_URL=f"https://{NAME}", TRUSTED_PROXIES="127.0.0.1", ANONYMOUS_RATE_LIMIT="60 per hour")
        )
        upstream = tmp_path / "evently/upstream.conf"
        text = upstream.read_text().replace("127.0.0.1:8001", web.removeprefix("http://"))
        # The other one of the two is away, as it is while it restarts.
        upstream.write_text(text.replace("127.0.0.1:8002", f"127.0.0.1:{free_port()}"))
        child = Child([find_nginx() or "nginx", "-e", "stderr", "-p", tmp_path, "-c", main], cwd=tmp_path)
        stack.callback(child.stop)
        wait_until(lambda: _is_up(https_port), child, what="nginx", timeout=20)
        yield http_port, https_port


def ask(port: int, path: str, *, scheme: str = "https", **headers: str) -> tuple[int, Message, bytes]:
    context = ssl._create_unverified_context()
    request = urllib.request.Request(f"{scheme}://127.0.0.1:{port}{path}", headers={"Host": NAME} | headers)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Stay)
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_the_site_behind_it(https: tuple[int, int], app: Flask, monkeypatch: pytest.MonkeyPatch):
    http_port, https_port = https
    status, headers, _ = ask(http_port, "/login?next=/bookings", scheme="http")
    assert (status, headers["Location"]) == (308, f"https://{NAME}/login?next=/bookings")

    status, headers, page = ask(https_port, "/login")
    assert (status, b"<html" in page) == (200, True)
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Set-Cookie"].startswith("__Host-session=")
    assert "Secure" in headers["Set-Cookie"]

    [style] = re.findall(rb'href="(/static/evently.css\?v=\w+)"', page)
    status, headers, content = ask(https_port, style.decode())
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert "Permissions-Policy" not in headers, "this file should have come from the disk"
    assert content == (ROOT / "evently/static/evently.css").read_bytes()
    assert ask(https_port, "/static/nothing.css")[0] == 404
    assert ask(https_port, "/static/../../config.py")[0] in {400, 404}
    assert ask(https_port, "/metrics")[0] == 404
    assert ask(https_port, "/", Host="evil.example")[0] == 400

    # Whoever writes an address of their own is counted all the same.
    left = [ask(https_port, "/", **{"X-Forwarded-For": f"198.51.100.{n}"})[1]["X-RateLimit-Remaining"] for n in range(3)]
    assert left == [str(int(left[0]) - n) for n in range(3)]

    # The doctor tells a certificate of one's own from a proxy that leads nowhere.
    monkeypatch.setitem(app.config, "SITE_URL", f"https://127.0.0.1:{https_port}")
    assert "with a certificate that nobody trusts" in check_proxies().says


def _is_up(port: int) -> bool:
    try:
        return ask(port, "/healthz")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_while_no_web_server_answers_it_says_so_in_our_words(tmp_path: Path, app: Flask):
    require("nginx")
    require("openssl")
    port = free_port()
    main = laid_out(tmp_path, shape="machine", http=free_port(), https=port)
    subprocess.run([ROOT / "deploy/self-signed.sh", NAME, tmp_path / "evently/certificates"], capture_output=True, check=True)
    upstream = tmp_path / "evently/upstream.conf"
    upstream.write_text(re.sub(r"127\.0\.0\.1:800\d", lambda _: f"127.0.0.1:{free_port()}", upstream.read_text()))
    with contextlib.ExitStack() as stack:
        child = Child([find_nginx() or "nginx", "-e", "stderr", "-p", tmp_path, "-c", main], cwd=tmp_path)
        stack.callback(child.stop)
        wait_until(lambda: is_taken("127.0.0.1", port), child, what="nginx", timeout=20)
        for path in ("/", "/bookings", "/static/nothing.css"):
            status, headers, page = ask(port, path)
            assert (status, headers["Retry-After"], headers["Cache-Control"]) == (502, "5", "no-store"), path
            assert headers.get_content_type() == "text/html"
            assert b"Back in a moment" in page
        status, headers, body = ask(port, "/api/user/events/")
        assert (status, headers["Retry-After"], headers.get_content_type()) == (502, "5", "application/json")
        assert json.loads(body)["details"]["code"] == "unavailable"
        assert json.loads(body).keys() == app.test_client().get("/api/nothing").json.keys()
        # What stands in for the site cannot be asked for by its name.
        assert ask(port, "/evently-unavailable.html")[0] != 200


def test_the_page_that_stands_in_needs_nothing_else():
    page = (FILES / "errors/unavailable.html").read_text()
    assert not re.search(r"(src|href)=\"[^\"]", page)
    assert "<script" not in page


def test_without_a_certificate_it_says_what_is_missing(tmp_path: Path):
    script = (FILES / "start.sh").read_text().replace("/etc/nginx/evently/certificates", str(tmp_path))
    (tmp_path / "fullchain.pem").write_text("x")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no privkey.pem" in done.stderr
    assert "deploy/self-signed.sh" in done.stderr
