"""What an operator does: back up and restore; and what visitors may do to the memory of the web container."""

import http.cookies
import io
import re
import secrets
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from urllib.parse import urlencode

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.abuse.test_pictures import EVENT, clear_png, photo
from tests.containers.project import Answer, Project, report, until


def test_mail_is_caught(up: Project):
    event_id, [buyer] = up.make_sale(people=1, seats=1)
    address = up.ask("GET", "/api/user/auth/me/", token=buyer).json["email"]
    assert up.ask("POST", "/api/bookings/", body={"event_id": event_id, "number_of_tickets": 1}, token=buyer).status == 201

    def caught() -> bool:
        with urllib.request.urlopen("http://127.0.0.1:8025/api/v1/messages?limit=100", timeout=10) as answer:
            return address.encode() in answer.read()

    until(caught, "the confirmation is caught")


class Desk:
    """An organizer in a browser."""

    def __init__(self, up: Project) -> None:
        self.up, self.cookies = up, http.cookies.SimpleCookie()
        name, password = f"desk-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        up.compose("exec", "-T", "-e", "EVENTLY_PASSWORD", "web", "flask", "create-superuser", name, f"{name}@example.org",
                   env={"EVENTLY_PASSWORD": password})  # fmt: skip
        form = {"csrf_token": self.token("/login"), "username": name, "password": password}
        answer = self.send("/login", urlencode(form).encode(), "application/x-www-form-urlencoded")
        assert answer.status == 303, answer.body

    def token(self, path: str) -> str:
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', self.ask("GET", path).body.decode())
        return token

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        answer = self.up.ask(method, path, body=body, Cookie=cookie, **headers)
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return answer

    def send(self, path: str, body: bytes, kind: str) -> Answer:
        return self.ask("POST", path, body, Origin=self.up.address, Referer=f"{self.up.address}{path}", **{"Content-Type": kind})

    def upload(self, token: str, file: bytes) -> Answer:
        fields = {"csrf_token": token, **EVENT, "cover": FileStorage(io.BytesIO(file), "a.jpg")}
        boundary, body = encode_multipart(fields)
        return self.send("/dashboard/events/new", body, f"multipart/form-data; boundary={boundary}")


def test_large_pictures_do_not_kill_the_web_container(up: Project):
    [container] = up.containers("web")
    started = up.inspect(container, "{{.State.StartedAt}}")
    desk = Desk(up)
    token = desk.token("/dashboard/events/new")
    # One small file of 49 megapixels; then photographs of 24 megapixels, all at once.
    for files in ([clear_png(7000)], [photo(6000, 4000)] * 5, [clear_png(4890)] * 5):
        with ThreadPoolExecutor(len(files)) as pool:
            answers = [one.result() for one in [pool.submit(desk.upload, token, file) for file in files]]
        assert {answer.status for answer in answers} <= {303, 422, 503}
        report(f"{len(files)} pictures: {sorted(answer.status for answer in answers)}")
    assert up.inspect(container, "{{.State.StartedAt}} {{.State.OOMKilled}} {{.RestartCount}}") == f"{started} false 0"
    # The limit is real, by version 1 or 2 of control groups, and no process of the container was killed for it.
    files = "memory.max memory.events memory/memory.limit_in_bytes memory/memory.oom_control"
    memory = up.compose("exec", "-T", "web", "sh", "-c", f"cd /sys/fs/cgroup && cat {files} 2>/dev/null; true").split()
    report(f"memory of the web container: {' '.join(memory)}")
    assert str(768 * 1024 * 1024) in memory
    assert memory[memory.index("oom_kill") + 1] == "0"
    assert up.ask("GET", "/readyz").status == 200


def test_a_backup_is_restored_in_place_of_a_database_in_use(up: Project):
    up.compose("--profile", "backup", "up", "--detach", "--wait", "--no-deps", "backup")
    event_id, [buyer] = up.make_sale(people=1, seats=2)
    file = PurePosixPath(up.compose("exec", "-T", "backup", "/deploy/backup.sh", "/backups").splitlines()[-1]).name
    up.sql(f"UPDATE events SET name = 'Later' WHERE id = '{event_id}'")
    # A file that is not a backup changes nothing.
    (up.site / "backups" / "broken.dump").write_text("nonsense")
    failed = up.run("deploy/restore-containers.sh", "broken.dump", check=False)
    assert (failed.returncode, "Not restored" in failed.stderr) == (1, True)
    until(lambda: up.is_healthy("web"), "the web is healthy")
    assert up.sql(f"SELECT name FROM events WHERE id = '{event_id}'") == "Later"

    done = up.run("deploy/restore-containers.sh", file)
    [before] = re.findall(r"The previous database is (\w+)", done.stdout)
    until(lambda: up.is_healthy("web"), "the web is healthy")
    until(lambda: up.ask("GET", "/readyz").status == 200, "the site answers")
    assert up.sql(f"SELECT name FROM events WHERE id = '{event_id}'") == "A rush"
    assert up.sql(f"SELECT name FROM events WHERE id = '{event_id}'", before) == "Later"
    booked = up.ask("POST", "/api/bookings/", body={"event_id": event_id, "number_of_tickets": 2}, token=buyer)
    assert booked.status == 201
    path = f"/api/bookings/{booked.json['id']}/"
    until(lambda: up.ask("GET", path, token=buyer).json["status"] == "confirmed", "the booking is decided")
    assert "balance" in up.flask("check-ledger")
