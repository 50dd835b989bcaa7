"""An embedded site that other machines reach: nobody signs in with a published password, and nobody reads the mail of others."""

import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from config import load_settings
from evently.accounts.models import ApiToken
from evently.accounts.passwords import hash_password
from evently.accounts.services import authenticate
from evently.config_checks import public_demo_problem, public_hosts
from evently.demo import passwords, seed_demo
from evently.demo.users import ADMIN, ATTENDEE, ORGANIZER, PASSWORD
from evently.errors import NotAuthenticated
from evently.extensions import db
from evently.notifications.models import Mail
from tests.factories import api_token, log_in, make_booking, make_staff, make_superuser, make_user
from tests.harness.site import fresh
from tests.launch.launched import Launched

ACCOUNTS = (ADMIN, ORGANIZER, ATTENDEE)
STRANGER = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture
def embedded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setitem(app.config, "EMBEDDED", True)
    return app


def settings(tmp_path: Path, **environ: str) -> dict[str, object]:
    return vars(load_settings({"EVENTLY_DATA_DIR": str(tmp_path), **environ}))


LOOPBACK = [{}, {"HOST": "127.0.0.1"}, {"HOST": "127.8.8.8"}, {"HOST": "localhost"}, {"HOST": "::1"}, {"SITE_URL": "http://localhost:8000"}]
ELSEWHERE = [
    {"HOST": "0.0.0.0"},
    {"HOST": "::"},
    {"HOST": "192.0.2.7"},
    {"HOST": "box.example"},
    {"SITE_URL": "https://box.example"},
    {"ALLOWED_HOSTS": "*"},
    {"ALLOWED_HOSTS": "localhost, box.example"},
]


@pytest.mark.parametrize("environ", LOOPBACK, ids=repr)
def test_a_trial_on_this_machine_has_published_passwords(tmp_path: Path, environ: dict[str, str]):
    assert public_hosts(settings(tmp_path, **environ)) == []
    assert public_demo_problem(settings(tmp_path, **environ), has_published_password=True) == ""


@pytest.mark.parametrize("environ", ELSEWHERE, ids=repr)
def test_where_strangers_come_it_does_not_start_with_them(tmp_path: Path, environ: dict[str, str]):
    problem = public_demo_problem(settings(tmp_path, **environ), has_published_password=True)
    assert "PUBLIC_DEMO=true" in problem
    assert "DEMO_DATA=false" in problem
    assert public_demo_problem(settings(tmp_path, **environ), has_published_password=False) == ""
    assert public_demo_problem(settings(tmp_path, PUBLIC_DEMO="true", **environ), has_published_password=True) == ""


def test_published_passwords_are_replaced_and_what_was_opened_with_them_ends(embedded: Flask, client: FlaskClient):
    seed_demo()
    fresh()
    assert passwords.are_published()
    admin = authenticate(login=ADMIN, password=PASSWORD)
    token = api_token(admin)
    log_in(client, admin)
    assert client.get("/dashboard/admin/users").status_code == 200

    replaced = passwords.replace_published()
    fresh()
    assert sorted(replaced) == sorted(ACCOUNTS)
    assert len(set(replaced.values())) == 3
    assert not passwords.are_published()
    for username in ACCOUNTS:
        with pytest.raises(NotAuthenticated):
            authenticate(login=username, password=PASSWORD)
        assert authenticate(login=username, password=replaced[username]).username == username
        assert replaced[username] in passwords.notice(replaced)
    assert client.get("/dashboard/admin/users").status_code == 303
    assert app_client_status(embedded, token) == 401
    assert db.session.scalar(sa.select(sa.func.count()).select_from(ApiToken)) == 0
    # Once: what people have chosen since stays.
    assert passwords.replace_published() == {}
    assert passwords.notice({}) == ""


def app_client_status(app: Flask, token: str) -> int:
    return app.test_client().get("/api/user/auth/me/", headers={"Authorization": f"Token {token}"}).status_code


def test_an_account_of_somebody_else_is_left_alone(embedded: Flask):
    make_user(username=ATTENDEE, password_hash=hash_password("a password of their own"))
    assert not passwords.are_published()
    assert passwords.replace_published() == {}


@pytest.fixture
def mailbox(embedded: Flask) -> list[str]:
    make_booking()
    mail = db.session.scalars(sa.select(Mail.id)).first()
    return ["/dev/mailbox", f"/dev/mailbox/{mail}", f"/dev/mailbox/{mail}/body"]


def statuses(client: FlaskClient, pages: list[str], **request: object) -> list[int]:
    return [client.get(page, **request).status_code for page in pages]


def test_strangers_find_no_mailbox(embedded: Flask, client: FlaskClient, mailbox: list[str], monkeypatch: pytest.MonkeyPatch):
    assert statuses(client, mailbox) == [200] * 3
    # By the address that the connection comes from, whatever the request says.
    assert statuses(client, mailbox, environ_base=STRANGER) == [404] * 3
    assert statuses(client, mailbox, environ_base={"REMOTE_ADDR": ""}) == [404] * 3
    # A proxy on this machine passes on what others ask.
    for header in ("X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Real-IP", "Via"):
        assert statuses(client, mailbox, headers={header: "127.0.0.1"}) == [404] * 3
    # DNS rebinding: a page of another name, whose address has become this machine's.
    assert statuses(client, mailbox, headers={"Host": "evil.example"}) == [400] * 3
    monkeypatch.setitem(embedded.config, "ALLOWED_HOSTS", ("*",))
    assert statuses(client, mailbox, headers={"Host": "evil.example"}) == [404] * 3


@pytest.mark.parametrize(("name", "value"), [("PUBLIC_DEMO", True), ("HOST", "0.0.0.0"), ("SITE_URL", "https://box.example")])
def test_where_strangers_may_come_it_is_for_staff_alone(
    embedded: Flask, client: FlaskClient, mailbox: list[str], monkeypatch: pytest.MonkeyPatch, name: str, value: object
):
    monkeypatch.setitem(embedded.config, name, value)
    assert statuses(client, mailbox) == [404] * 3
    assert statuses(log_in(client, make_user(is_organizer=True)), mailbox) == [404] * 3
    assert "/dev/mailbox" not in client.get("/").text
    assert statuses(log_in(client, make_staff()), mailbox) == [200] * 3
    assert "/dev/mailbox" in client.get("/").text


def test_links_for_a_new_password_are_for_superusers_there(embedded: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    from evently.accounts.password_reset import send_reset_email  # noqa: PLC0415

    monkeypatch.setitem(embedded.config, "PUBLIC_DEMO", True)
    send_reset_email(make_user(username="ada").username)
    page = f"/dev/mailbox/{db.session.scalar(sa.select(Mail.id).where(Mail.kind == 'reset_password'))}"
    assert log_in(client, make_staff()).get(page).status_code == 403
    assert log_in(client, make_superuser()).get(page).status_code == 200


def test_the_command_makes_no_published_passwords_either(embedded: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(embedded.config, "HOST", "0.0.0.0")
    run = embedded.test_cli_runner().invoke
    refused = run(args=["seed-demo"])
    assert refused.exit_code == 1
    assert "PUBLIC_DEMO=true" in refused.output
    assert not passwords.are_published()
    monkeypatch.setitem(embedded.config, "PUBLIC_DEMO", True)
    made = run(args=["seed-demo"])
    assert made.exit_code == 0
    assert re.search(rf"{ADMIN} +\S{{16}}\n", made.output)
    fresh()
    assert not passwords.are_published()


@pytest.fixture
def launch(tmp_path: Path):
    started: list[Launched] = []

    def start(**environ: str) -> Launched:
        started.append(Launched("run", tmp_path / "data", **environ))
        return started[-1]

    yield start
    for site in started:
        site.kill()


def signs_in(site: Launched, username: str, password: str) -> bool:
    body = json.dumps({"username": username, "password": password}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.port}/api/user/auth/login/", body, {"Content-Type": "application/json", "Connection": "close"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


@pytest.mark.xdist_group("launch")
def test_the_launcher_refuses_replaces_and_says_so(launch: Callable[..., Launched], tmp_path: Path):
    refused = launch(HOST="0.0.0.0")
    refused.wait_until_gone(30)
    assert refused.process.returncode == 1
    assert "PUBLIC_DEMO=true" in refused.output
    assert not (tmp_path / "data" / "evently.sqlite3").exists()

    trial = launch()
    trial.wait_until_up()
    assert signs_in(trial, ATTENDEE, PASSWORD)
    stop(trial)

    # Without demo data of its own it finds the accounts that are there.
    refused = launch(HOST="0.0.0.0", DEMO_DATA="false")
    refused.wait_until_gone(60)
    assert refused.process.returncode == 1
    assert "PUBLIC_DEMO=true" in refused.output
    assert "Traceback" not in refused.output

    public = launch(HOST="0.0.0.0", PUBLIC_DEMO="true")
    public.wait_until_up()
    found = dict(re.findall(rf"^    ({'|'.join(ACCOUNTS)}) +(\S{{16}})$", public.output, re.MULTILINE))
    assert sorted(found) == sorted(ACCOUNTS)
    assert PASSWORD not in public.output
    assert "for staff to read" in public.output
    assert not signs_in(public, ADMIN, PASSWORD)
    assert signs_in(public, ADMIN, found[ADMIN])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        public.get("/dev/mailbox")
    stop(public)

    again = launch()
    again.wait_until_up()
    assert PASSWORD not in again.output
    assert not any(password in again.output for password in found.values())
    stop(again)


def stop(site: Launched) -> None:
    site.signal_group(signal.SIGTERM)
    site.wait_until_gone(20)
