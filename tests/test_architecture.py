"""Who lives where and who may call whom, as docs/architecture.md has it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.parts import ROOT

CODE = [path.relative_to(ROOT) for path in (*(ROOT / "evently").rglob("*.py"), ROOT / "config.py", ROOT / "wsgi.py")]
# The launcher starts processes and hands them their environment; it serves no request.
LAUNCHER = Path("evently/launch")


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def attributes(path: Path) -> Iterator[tuple[str, int]]:
    """Every `a.b.c` in the file, dotted, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node), node.lineno


def found(wanted: set[str], *, but_in: set[Path]) -> list[str]:
    """Where names are used that end in one of these, outside of the files that may."""
    return [
        f"{path}:{line} {name}"
        for path in CODE
        if path not in but_in
        for name, line in attributes(path)
        if any(name == end or name.endswith(f".{end}") for end in wanted)
    ]


def test_imports_run_downwards_only():
    """The contracts are in pyproject.toml. In a process of its own: it silences every logger there is."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_the_database_module_commits_and_rolls_back():
    # A savepoint (begin_nested) ends nothing, so it may be anywhere.
    calls = {"session.commit", "session.rollback", "session.begin", "connection.commit", "connection.rollback"}
    assert found(calls, but_in={Path("evently/database.py")}) == []


def test_only_the_settings_read_the_environment():
    names = {"os.environ", "os.getenv", "os.environb"}
    assert found(names, but_in={Path("config.py")}) == []


@pytest.mark.parametrize("domain", ["accounts", "events", "bookings", "notifications", "idempotency"])
def test_the_domain_knows_nothing_of_requests(domain):
    flask_names = {"request", "session", "g", "flash", "url_for", "redirect", "render_template", "abort", "jsonify"}
    for path in CODE:
        if not path.is_relative_to(f"evently/{domain}"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module in {"flask", "flask_login"}:
                imported = {alias.name for alias in node.names}
                assert not imported & (flask_names | {"current_user"}), f"{path} imports {imported}"


def test_edges_do_not_query():
    """Pages and answers are made of what services and queries return."""
    edges = [path for path in CODE if path.parts[:2] in {("evently", "web"), ("evently", "dashboard"), ("evently", "api")}]
    assert edges
    asked = [f"{path}:{line} {name}" for path in edges for name, line in attributes(path) if name.endswith(("db.session", ".query.filter"))]
    assert asked == []


def test_files_and_functions_stay_small():
    too_long = [str(path) for path in CODE if len((ROOT / path).read_text().splitlines()) > 300]
    assert too_long == []


def test_no_file_has_a_name_that_says_nothing():
    assert [str(path) for path in CODE if {"utils", "helpers", "manager", "common", "misc"} & {*path.with_suffix("").parts}] == []
