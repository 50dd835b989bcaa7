"""The other two ways in: Caddy, which gets its certificate by ACME, and a proxy that is there already."""

import json
import ssl
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.containers.project import NAME, Connection, Project, report, until
from tests.containers.rush import Rush
from tests.containers.test_deployment import PEOPLE, SEATS, balanced

# In place of a public certificate authority: another Caddy, with a root of its own.
AUTHORITY = """
{
    admin off
}
ca.internal {
    tls internal
    acme_server {
        ca local
    }
}
"""
OVERRIDE = """
services:
  caddy:
    environment:
      SSL_CERT_FILE: /root.crt
      ACME_CA: https://ca.internal/acme/local/directory
    volumes: ["./root.crt:/root.crt:ro"]
    networks: {front: {aliases: [tickets.example.org]}}
"""
FILES = ("--file", "docker-compose.yml", "--file", "acme.yml")


@pytest.fixture(scope="module")
def caddy(up: Project) -> Iterator[Project]:
    up.compose("--profile", "proxy", "rm", "--stop", "--force", "nginx")
    (up.site / "authority.caddyfile").write_text(AUTHORITY)
    (up.site / "acme.yml").write_text(OVERRIDE)
    authority = up.run(
        "docker", "run", "--detach", "--network", "evently_front", "--network-alias", "ca.internal",
        "--volume", f"{up.site}/authority.caddyfile:/etc/caddy/Caddyfile:ro", "--env", "XDG_DATA_HOME=/data",
        "caddy:2.10-alpine").stdout.strip()  # fmt: skip
    root = "/data/caddy/pki/authorities/local/root.crt"
    until(lambda: up.run("docker", "cp", f"{authority}:{root}", "root.crt", check=False).returncode == 0, "the authority has a root")
    try:
        up.compose(*FILES, "--profile", "acme", "up", "--detach", "--wait", "--no-deps", "caddy")
        until(lambda: answers(up), "Caddy has a certificate")
        yield up
    finally:
        up.compose(*FILES, "--profile", "acme", "rm", "--stop", "--force", "caddy")
        up.run("docker", "rm", "--force", authority)


def answers(up: Project) -> bool:
    try:
        return up.ask("GET", "/readyz").status == 200
    except OSError:
        return False


def test_caddy_gets_a_certificate_by_acme(caddy: Project):
    connection = Connection()
    connection._context = ssl.create_default_context(cafile=str(caddy.site / "root.crt"))
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 200
    assert connection.sock.getpeercert()["subjectAltName"] == (("DNS", NAME),)
    connection.close()
    assert caddy.is_healthy("caddy")
    assert caddy.ask("GET", "/metrics").status == 404


def test_a_rollout_behind_caddy_refuses_no_buyer(caddy: Project):
    event_id, buyers = caddy.make_sale(people=PEOPLE, seats=SEATS)
    with Rush(caddy, event_id, buyers, interval=0.25) as rush:
        started = time.monotonic()
        caddy.run("deploy/rollout.sh")
        seconds, was_during = time.monotonic() - started, not rush.is_over
    report(f"rollout behind Caddy: {seconds:.0f} s, {dict(rush.troubles)}")
    assert (rush.troubles, was_during) == ({}, True)
    balanced(caddy, rush)


def test_caddy_answers_with_our_page_while_the_web_is_stopped(caddy: Project):
    caddy.compose("stop", "web")
    try:
        page, answer = caddy.ask("GET", "/"), caddy.ask("GET", "/api/user/events/")
        assert page.status in {502, 503, 504}
        assert b"Back in a moment" in page.body
        assert (answer.json["details"]["code"], answer.headers["Retry-After"]) == ("unavailable", "5")
    finally:
        caddy.compose("up", "--detach", "--wait", "--no-deps", "web")


def test_another_proxy_reaches_the_published_port(up: Project):
    files = ("--file", "docker-compose.yml", "--file", "deploy/published-port.yml")
    up.compose(*files, "up", "--detach", "--wait", "--no-deps", "web")
    [container] = up.containers("web")
    ports = json.loads(up.inspect(container, "{{json .NetworkSettings.Ports}}"))["8000/tcp"]
    assert [(port["HostIp"], port["HostPort"]) for port in ports] == [("127.0.0.1", "8000")]
    forwarded = {"Host": NAME, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    request = urllib.request.Request("http://127.0.0.1:8000/login", headers=forwarded)
    with urllib.request.urlopen(request, timeout=30) as page:
        assert page.headers["Strict-Transport-Security"]
        assert page.headers["Set-Cookie"].startswith("__Host-session=")
    # Only one container can publish a port.
    refused = up.run("deploy/rollout.sh", check=False)
    assert (refused.returncode, "the web port is published" in refused.stderr) == (1, True)
