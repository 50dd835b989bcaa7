"""What the documents say of settings, tests and commands is so."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from config import VARIABLES, Settings
from tests.harness.parts import ROOT

TABLE_ROW = re.compile(r"^\| `([A-Z_]+)` \|([^|]*)\|", re.MULTILINE)
# Read by a command and by no server.
NO_SETTING = {"EVENTLY_PASSWORD"}


def test_every_variable_is_in_the_table_and_in_the_file_to_start_from():
    table = [name for name, _ in TABLE_ROW.findall((ROOT / "docs/configuration.md").read_text())]
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(VARIABLES)
    assert sorted(example) == sorted(VARIABLES - NO_SETTING)


def test_defaults_are_as_the_table_says():
    said = dict(TABLE_ROW.findall((ROOT / "docs/configuration.md").read_text()))
    for field in dataclasses.fields(Settings):
        # Those of scripts are too long for a table.
        if field.name in said and field.default is not dataclasses.MISSING and not field.name.startswith(("HTMX_", "QR_READER_")):
            assert said[field.name].strip() == _words(field.default), field.name


def _words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_threat_names_a_test_that_there_is():
    text = (ROOT / "docs/security.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| who", "| **"))]
    assert len(rows) >= 25
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, f"no test in {row}"
        for path, name in named:
            assert name in names_in(ROOT / path), f"{path} has no {name}"


def test_every_rule_of_bandit_that_is_switched_off_says_why():
    files = [ROOT / "config.py", ROOT / "wsgi.py", *(ROOT / "evently").rglob("*.py")]
    for path in files:
        for line in re.findall(r"# noqa: .*\bS\d{3}.*", path.read_text()):
            assert re.search(r"S\d{3} - \w", line), f"{path}: {line}"


def test_packages_are_pinned_and_checked_as_the_documents_say():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w-]+==[\w.]+", line)] == []
    for document in ("docs/security.md", "docs/operations.md"):
        commands = re.findall(r"^pipx run pip-audit (.*)$", (ROOT / document).read_text(), re.MULTILINE)
        assert commands
        # Without it, a package that could not be checked passes.
        assert all(command.startswith("--strict ") for command in commands)


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/operations.md", "docs/security.md", "docs/configuration.md"]
)
def test_links_lead_somewhere_and_what_make_is_told_exists(document: str):
    path = ROOT / document
    text = path.read_text()
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", text):
        if not target.startswith("/"):
            assert (path.parent / target).exists(), target
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^|; |&& )make ([a-z][a-z-]*)", text, re.MULTILINE):
        assert target in targets, target
    for tests in re.findall(r"TEST_ARGS=(tests/[\w/.]+)", text):
        assert (ROOT / tests).exists(), tests


@pytest.mark.parametrize("document", ["README.md", "docs/operations.md"])
def test_commands_of_flask_exist(document: str, app):
    known = set(app.cli.commands)
    for command in re.findall(r"flask(?: --app wsgi)? ([a-z][a-z-]+)", (ROOT / document).read_text()):
        assert command in known, command


test_commands_of_flask_exist = pytest.mark.parametrize("site", ["sqlite"], indirect=True)(test_commands_of_flask_exist)
