"""docker-compose.yml and the Dockerfile, read by the programs that they are for, and their commands run."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from granian.cli import cli as granian

from config import VARIABLES
from evently.cli.checks import CHECKS
from evently.config_checks import unknown_variables
from evently.launch.ports import free_port
from evently.launch.processes import Child, stop_all, wait_until
from tests.deploy.commands import BINARIES, refuse_unknown
from tests.harness.mail import SmtpServer
from tests.harness.parts import ROOT, require
from tests.harness.site import Site

DOCKERFILE = ROOT / "Dockerfile"
SECRETS = {
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "DB_PASSWORD": "a password: with $igns",
    "REDIS_PASSWORD": "another: with $igns",
}
OURS = ["beat", "mail-worker", "migrate", "web", "worker"]
OTHERS = ["backup", "caddy", "mailcatcher", "nginx", "postgres", "redis"]


def compose(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    require("compose")
    command = [BINARIES / "docker-compose", "--project-directory", ROOT, "--profile", "*", *words]
    # A developer's own .env changes nothing.
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "COMPOSE_DISABLE_ENV_FILE": "1"} | environ
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    done = compose("config", "--format", "json", **SECRETS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def services(project: dict[str, Any]) -> dict[str, Any]:
    return project["services"]


@pytest.fixture(scope="module")
def networks(project: dict[str, Any]) -> dict[str, Any]:
    return project["networks"]


def instructions(name: str) -> list[str]:
    """What follows this word in the Dockerfile; lines that go on are one."""
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{name} ")]


def image_environ() -> dict[str, str]:
    return dict(word.split("=", 1) for line in instructions("ENV") for word in shlex.split(line))


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts(name: str):
    refused = compose("config", "--quiet", **{other: value for other, value in SECRETS.items() if other != name})
    assert refused.returncode != 0
    assert f"Set {name} in .env" in refused.stderr


def test_every_service_is_watched_bounded_and_started_again(services: dict[str, Any]):
    assert sorted(services) == sorted([*OURS, *OTHERS])
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["memory"], name
        assert limits["cpus"], name
        assert service["logging"]["options"]["max-size"] == "20m", name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        # That of the web is the image's.
        assert "healthcheck" in service or name in {"web", "mailcatcher"}, name
    for name in OURS:
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name


def test_only_a_proxy_is_reached_from_elsewhere(services: dict[str, Any]):
    open_to_all = {name for name, service in services.items() for port in service.get("ports", []) if port.get("host_ip") != "127.0.0.1"}
    assert open_to_all == {"caddy", "nginx"}
    # Only one container could publish a port, so rollouts would not be possible.
    assert "ports" not in services["web"]


def test_for_another_proxy_the_web_is_published_on_this_machine_only():
    files = ("--file", str(ROOT / "docker-compose.yml"), "--file", str(ROOT / "deploy/published-port.yml"))
    done = compose(*files, "config", "--format", "json", **SECRETS, PORT="8123")
    assert done.returncode == 0, done.stderr
    [port] = json.loads(done.stdout)["services"]["web"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8123", 8000)


def test_one_service_builds_the_image_and_no_other_pulls_one(services: dict[str, Any]):
    assert [name for name, service in services.items() if "build" in service] == ["migrate"]
    assert {services[name]["image"] for name in OURS} == {"evently:latest"}
    assert {services[name]["pull_policy"] for name in OURS} == {"never"}
    published = compose("config", "--format", "json", **SECRETS, IMAGE="registry.example.org/evently", IMAGE_TAG="7", PULL_POLICY="missing")
    web = json.loads(published.stdout)["services"]["web"]
    assert (web["image"], web["pull_policy"]) == ("registry.example.org/evently:7", "missing")


def test_variables_of_compose_are_not_reported_as_misspelt_settings():
    """They are in the same .env file as the settings."""
    text = (ROOT / "docker-compose.yml").read_text()
    names = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text)) - VARIABLES
    assert names >= {"IMAGE", "IMAGE_TAG", "PULL_POLICY", "WEB_REPLICAS", "BACKUPS", "BACKUP_TIME", "KEEP_DAYS", "ACME_CA", "CERTIFICATES"}
    assert list(unknown_variables(dict.fromkeys(names, "x"), VARIABLES)) == []
    for document in ("docs/operations.md", "docs/configuration.md"):
        text = (ROOT / document).read_text()
        assert {name for name in names if f"`{name}" not in text} == set(), document


def test_database_and_redis_are_reached_by_the_site_alone(services: dict[str, Any], networks: dict[str, Any]):
    assert networks["data"]["internal"] is True
    for name in ("postgres", "redis"):
        assert "ports" not in services[name], name
        assert set(services[name]["networks"]) == {"data"}, name
    assert {name for name, service in services.items() if "data" in service["networks"]} == {*OURS, "backup", "postgres", "redis"}
    for name in ("caddy", "mailcatcher", "nginx"):
        assert set(services[name]["networks"]) == {"front"}, name


def test_passwords_reach_the_site_as_they_are_and_its_variables_are_known(services: dict[str, Any]):
    for name in OURS:
        environ = services[name]["environment"]
        assert environ["DB_PASSWORD"].replace("$$", "$") == services["postgres"]["environment"]["POSTGRES_PASSWORD"].replace("$$", "$")
        assert environ["REDIS_PASSWORD"] == services["redis"]["environment"]["REDIS_PASSWORD"]
        assert environ.keys() <= VARIABLES
    others = ("GRANIAN_", "_RJEM_", "MALLOC_", "PYTHON", "PIP_", "FLASK_", "PATH")
    assert {variable for variable in image_environ() if not variable.startswith(others)} <= VARIABLES


def test_files_that_are_mounted_exist(services: dict[str, Any]):
    sources = [Path(volume["source"]) for service in services.values() for volume in service.get("volumes", []) if volume["type"] == "bind"]
    missing = {source.relative_to(ROOT).as_posix() for source in sources if not source.exists()}
    # Made by the operator, and by the first backup.
    assert missing <= {"deploy/certificates", "deploy/acme-challenges", "backups"}
    assert len(sources) == 17


def test_every_command_can_be_run(services: dict[str, Any]):
    for name in OURS:
        if command := services[name].get("command"):
            refuse_unknown(command)
        if check := services[name].get("healthcheck", {}).get("test"):
            assert check[0] in {"CMD", "NONE"}
    [command] = instructions("CMD")
    refuse_unknown(json.loads(command))


def test_image_is_small_and_unprivileged():
    text = DOCKERFILE.read_text()
    final = text[text.rindex("\nFROM ") :]
    assert "apt-get" not in text
    assert "pip install" not in final
    assert instructions("USER") == ["10001"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    for line in instructions("COPY"):
        sources = [word for word in shlex.split(line)[:-1] if not word.startswith("--")]
        assert "--from=packages" in line or all((ROOT / source).exists() for source in sources)
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {"requirements.txt", "wsgi.py", "config.py", "migrations", "evently"}


def test_the_web_server_knows_each_variable_of_the_image():
    known = set(re.findall(r"GRANIAN_[A-Z0-9_]+", CliRunner().invoke(granian, ["--help"], auto_envvar_prefix="GRANIAN").output))
    assert {name for name in image_environ() if name.startswith("GRANIAN_")} <= known


def test_hadolint_has_nothing_to_say():
    require("hadolint")
    done = subprocess.run([BINARIES / "hadolint", "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_its_commands_make_a_whole_site(
    app: Flask, site: Site, services: dict[str, Any], smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
):
    """Those of the file, on this machine, with the image's variables; in place of containers, processes."""
    port = str(free_port())
    granian_variables = {name: value for name, value in image_environ().items() if name.startswith("GRANIAN_")}
    environ = site.process_environ(**granian_variables | {"GRANIAN_HOST": "127.0.0.1", "GRANIAN_PORT": port, "FLASK_APP": "wsgi"})
    environ["PATH"] = f"{BINARIES}:{os.environ['PATH']}"
    [web] = instructions("CMD")
    [image_check] = instructions("HEALTHCHECK")
    commands = {"web": json.loads(web)} | {name: services[name]["command"] for name in OURS if name != "web"}
    checks = {name: services[name]["healthcheck"]["test"][1:] for name in ("worker", "mail-worker", "beat")}
    checks["web"] = [*json.loads(re.sub(r"^.*?CMD ", "", image_check))[:-1], f"web:{port}"]
    assert subprocess.run(commands.pop("migrate"), env=environ, cwd=ROOT, capture_output=True, check=False).returncode == 0
    with contextlib.ExitStack() as stack:
        children = {name: Child(command, env=environ, cwd=ROOT) for name, command in commands.items()}
        stack.callback(stop_all, list(children.values()))
        for name, child in children.items():
            check = [sys.executable, *checks[name][1:]]
            wait_until(lambda check=check: _succeeds(check, environ), child, what=name, timeout=60)
        monkeypatch.setitem(app.config, "SITE_URL", f"http://127.0.0.1:{port}")
        found = app.test_cli_runner().invoke(args=["doctor"])
    assert (found.exit_code, found.output.splitlines()[-1]) == (0, "All works.")
    # By http on this machine alone is all that the doctor mentions.
    assert re.findall(r"^notice +(\w+)", found.output, re.MULTILINE) == ["proxies"]
    assert re.findall(r"^well +(\w+)", found.output, re.MULTILINE) == [*CHECKS][:-1]
    assert smtp_server.messages == []
    # Dead as soon as it has stopped.
    assert not _succeeds([sys.executable, *checks["worker"][1:]], environ)


def _succeeds(command: list[str], environ: dict[str, str]) -> bool:
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False).returncode == 0
