"""The units for one machine: their commands, and what systemd itself says where it is at hand."""

import os
import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.deploy.commands import refuse_unknown
from tests.harness.parts import ROOT

UNITS = sorted(path for path in (ROOT / "deploy" / "systemd").iterdir() if path.is_file())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
# Where docs/operations.md puts the site.
HOME = "/srv/evently"


def read(unit: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str
    parser.read(unit)
    return parser


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_unit_commands_run_without_privileges(unit: Path):
    service = read(unit)["Service"]
    command = service["ExecStart"].replace("%i", "8001")
    assert command.startswith(f"{HOME}/")
    program = command.split()[0]
    if program.startswith(f"{HOME}/deploy/"):
        assert (ROOT / program.removeprefix(f"{HOME}/")).stat().st_mode & 0o111
    else:
        refuse_unknown(command)
    assert service["User"] == "evently"
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("yes", "strict", "")


def test_the_target_starts_each_part_once():
    [wanted] = [read(unit)["Unit"]["Wants"].split() for unit in UNITS if unit.suffix == ".target"]
    parts = {re.sub(r"@\d+", "@", name) for name in wanted}
    assert parts == {unit.name for unit in SERVICES} - {"evently-backup.service"}
    assert wanted.count("evently-beat.service") == 1


def test_systemd_understands_them(tmp_path: Path):
    if not shutil.which("systemd-analyze"):
        # Nothing brings it where it is not at home; the tests above have read the units.
        return
    for unit in UNITS:
        # The programs are where this checkout is.
        (tmp_path / unit.name).write_text(unit.read_text().replace(HOME, str(ROOT)))
    done = subprocess.run(["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "evently" in line and str(tmp_path) in line]
    assert complaints == []


@pytest.mark.parametrize(
    ("asked", "program"),
    [
        (["db", "upgrade"], "/srv/evently/.venv/bin/flask --app wsgi db upgrade"),
        (["restore", "a file.dump"], "/srv/evently/deploy/restore.sh a file.dump"),
    ],
)
def test_commands_get_what_the_units_get(tmp_path: Path, asked: list[str], program: str):
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "systemd-run").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    output = subprocess.run(
        [ROOT / "deploy" / "evently", *asked], env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    words = output.stdout.splitlines()
    service = read(ROOT / "deploy" / "systemd" / "evently-backup.service")["Service"]
    assert f"EnvironmentFile={service['EnvironmentFile']}" in words
    assert service["Environment"] in words
    assert " ".join(words).endswith(f" {program}")
    assert words[-1] == asked[-1]


def test_a_password_is_passed_on_by_name_only(tmp_path: Path):
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "password: $EVENTLY_PASSWORD"\n')
    (tmp_path / "systemd-run").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "EVENTLY_PASSWORD": "a secret"}
    command = [ROOT / "deploy" / "evently", "create-superuser", "ada", "ada@example.org"]
    output = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "--setenv=EVENTLY_PASSWORD" in output
    assert output[-1] == "password: a secret"
    assert "a secret" not in "".join(output[:-1])
    without = subprocess.run(
        command, env=environ | {"EVENTLY_PASSWORD": ""}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert "EVENTLY_PASSWORD" not in without.stdout


def test_postgresql_is_started_again_after_a_crash():
    [drop_in] = (ROOT / "deploy" / "systemd" / "postgresql@.service.d").iterdir()
    assert read(drop_in)["Service"]["Restart"] == "on-failure"
    assert "cp -r /srv/evently/deploy/systemd/* /etc/systemd/system/" in (ROOT / "docs" / "operations.md").read_text()
