"""Build, start, book by https, kill each container in a rush of buyers, and roll out under load, with the commands of the guide."""

import contextlib
import http.client
import json
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from tests.containers.project import NAME, Project, report, until
from tests.containers.rush import Rush

PARTS = ["beat", "mail-worker", "nginx", "postgres", "redis", "web", "worker"]
PEOPLE, SEATS = 200, 50


def test_it_comes_up_and_every_part_is_healthy(up: Project):
    running = set(up.compose("ps", "--format", "{{.Service}}").split())
    assert running == {*PARTS, "mailcatcher"}
    assert all(up.is_healthy(part) for part in PARTS)
    restarts = {part: up.inspect(container, "{{.RestartCount}}") for part in PARTS for container in up.containers(part)}
    assert set(restarts.values()) == {"0"}
    assert not re.search(r"\[(warn|emerg|crit|alert)\]", up.compose("logs", "nginx"))


def test_one_image_runs_as_all_parts_of_ours(up: Project):
    parts = ("web", "worker", "mail-worker", "beat")
    assert len({up.inspect(up.containers(part)[0], "{{.Image}}") for part in parts}) == 1
    images = up.run("docker", "images", "--format", "{{.Repository}}").stdout.split()
    assert [image for image in images if "evently" in image] == ["evently"]


def test_our_containers_are_not_root_and_have_a_read_only_file_system(up: Project):
    for part in ("web", "worker", "mail-worker", "beat"):
        assert up.compose("exec", "-T", part, "id", "-u") == "10001"
        assert up.run("docker", "compose", "exec", "-T", part, "touch", "/srv/evently/x", check=False).returncode != 0


def test_nothing_internal_is_published(up: Project):
    published = {}
    for part in PARTS:
        for container in up.containers(part):
            ports = json.loads(up.inspect(container, "{{json .NetworkSettings.Ports}}")) or {}
            published[part] = sorted(binding["HostPort"] for bindings in ports.values() for binding in bindings or [])
    assert {part: set(ports) for part, ports in published.items() if ports} == {"nginx": {"80", "443"}}


def test_redis_asks_for_its_password(up: Project):
    assert "NOAUTH" in up.compose("exec", "-T", "redis", "redis-cli", "set", "x", "1")
    # The proxy is in another network.
    assert up.run("docker", "compose", "exec", "-T", "nginx", "getent", "hosts", "redis", check=False).returncode != 0


def test_the_doctor_finds_all_parts(up: Project):
    found = up.run("docker", "compose", "exec", "-T", "web", "flask", "doctor", check=False).stdout
    # The certificate is self-signed.
    assert re.findall(r"^TROUBLE +(\w+)", found, re.MULTILINE) in ([], ["proxies"])
    assert {"database", "migrations", "broker", "workers", "beat"} <= set(re.findall(r"^well +(\w+)", found, re.MULTILINE))


def test_a_booking_by_https(up: Project):
    event_id, [buyer] = up.make_sale(people=1, seats=2)
    page = up.ask("GET", f"/events/{event_id}")
    assert (page.status, b"A rush" in page.body) == (200, True)
    assert page.headers["Strict-Transport-Security"]
    [style] = re.findall(rb'href="(/static/evently.css\?v=\w+)"', page.body)
    assert up.ask("GET", style.decode()).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    body = {"event_id": event_id, "number_of_tickets": 2}
    booked = up.ask("POST", "/api/bookings/", body=body, token=buyer)
    assert booked.status == 201
    path = f"/api/bookings/{booked.json['id']}/"
    until(lambda: up.ask("GET", path, token=buyer).json["status"] == "confirmed", "the booking is decided", 30)
    assert up.ask("GET", "/metrics").status == 404


def test_challenges_of_certbot_are_served(up: Project):
    folder = up.site / "deploy/acme-challenges/.well-known/acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("key")
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
    connection.request("GET", "/.well-known/acme-challenge/token", headers={"Host": NAME})
    assert connection.getresponse().read() == b"key"
    connection.close()


def balanced(up: Project, rush: Rush) -> None:
    """Every buyer was served, every acknowledged booking is decided, no seat was sold twice."""
    assert rush.unserved == 0
    assert len(rush.bookings) + rush.refused.total() == PEOPLE
    statement = f"SELECT count(*) FROM bookings WHERE event_id = '{rush.event_id}' AND status = 'processing'"
    until(lambda: up.sql(statement) == "0", "every booking is decided")
    found = up.sql(f"SELECT count(*) FROM bookings WHERE id IN ({', '.join(repr(one) for one in rush.bookings)})")
    assert int(found) == len(rush.bookings)
    confirmed = f"SELECT coalesce(sum(ticket_count), 0) FROM bookings WHERE event_id = '{rush.event_id}' AND status = 'confirmed'"
    assert up.sql(confirmed) == str(SEATS)
    until(lambda: up.is_healthy("web"), "the web is healthy")
    assert "balance" in up.flask("check-ledger")


def kill(up: Project, part: str) -> None:
    """SIGKILL for what the container runs, by its number on this machine: `docker kill` would also ask that it stays dead."""
    [container, *_] = up.containers(part)
    number = int(up.inspect(container, "{{.State.Pid}}"))
    try:
        os.kill(number, signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        # An engine of another user, or in a virtual machine.
        up.run("docker", "exec", container, "sh", "-c", "kill -9 -1", check=False)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_killed_in_the_middle_of_a_rush(up: Project, part: str):
    event_id, buyers = up.make_sale(people=PEOPLE, seats=SEATS)
    with Rush(up, event_id, buyers, interval=0.02) as rush:
        until(lambda: len(rush.bookings) + rush.refused.total() > 20 or rush.is_over, "the rush has begun", 60)
        kill(up, part)
    seconds = until(lambda: all(up.is_healthy(one) for one in PARTS), "every part is healthy again", 180)
    summary = f"{len(rush.bookings)} acknowledged, {rush.refused.total()} refused, {dict(rush.troubles)} repeated"
    report(f"{part} killed: {summary}; longest pause {rush.longest_pause:.1f} s; all healthy {seconds:.0f} s after the rush")
    assert "500 internal_error" not in rush.troubles, up.compose("logs", "--no-log-prefix", "web")[-6000:]
    balanced(up, rush)


@contextlib.contextmanager
def several_web_containers(up: Project, number: int) -> Iterator[None]:
    up.compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale", f"web={number}", "web")
    yield
    up.compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale", "web=1", "web")


@pytest.mark.parametrize("number", [1, 2])
def test_a_rollout_in_a_rush_refuses_no_buyer(up: Project, number: int):
    with several_web_containers(up, number):
        before = up.containers("web")
        event_id, buyers = up.make_sale(people=PEOPLE, seats=SEATS)
        # Buyers come for as long as the rollout takes.
        with Rush(up, event_id, buyers, interval=0.25) as rush:
            started = time.monotonic()
            up.run("deploy/rollout.sh")
            seconds = time.monotonic() - started
            was_during = not rush.is_over
        report(f"rollout of {number}: {seconds:.0f} s, {dict(rush.troubles)}")
        after = up.containers("web")
        assert len(after) == number
        assert not set(before) & set(after)
        assert rush.troubles == {}
        assert was_during
        balanced(up, rush)


def test_a_release_that_does_not_come_up_leaves_the_old_one(up: Project):
    before = up.containers("web")
    broken = {"SITE_URL": "nonsense"}
    failed = up.run("deploy/rollout.sh", env={**broken, "PATIENCE": "60"}, check=False)
    assert failed.returncode == 1
    assert up.containers("web") == before
    assert up.ask("GET", "/readyz").status == 200


def test_our_page_stands_in_while_the_web_is_away(up: Project):
    up.compose("stop", "web")
    try:
        page, answer = up.ask("GET", "/"), up.ask("GET", "/api/user/events/")
        assert {page.status, answer.status} <= {502, 504}
        assert b"Back in a moment" in page.body
        assert (answer.json["details"]["code"], answer.headers["Retry-After"]) == ("unavailable", "5")
    finally:
        up.compose("up", "--detach", "--wait", "--no-deps", "web")
        until(lambda: up.ask("GET", "/readyz").status == 200, "nginx finds the web container")


def test_without_a_certificate_nginx_says_so(up: Project):
    empty = up.site / "empty"
    empty.mkdir(exist_ok=True)
    done = up.run("docker", "compose", "run", "--rm", "--no-deps", "nginx", env={"CERTIFICATES": str(empty)}, check=False)
    assert done.returncode != 0
    assert "there is no fullchain.pem" in done.stderr + done.stdout
