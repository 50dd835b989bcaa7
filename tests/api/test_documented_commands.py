"""docs/api.md, pasted into a shell from beginning to end, against a running site."""

import json
import os
import re
import subprocess
from pathlib import Path

from evently.demo.users import ATTENDEE, ORGANIZER, PASSWORD
from tests.factories import make_organizer, make_user

TOUR = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SEPARATOR = "----- next block -----"


def blocks():
    """(commands, "json" or "text" or nothing, the answer printed below them)"""
    return re.findall(r"```sh\n(.*?)```(?:\n\n```(json|text)\n(.*?)```)?", TOUR, re.DOTALL)


def shape(value):
    """Names in order and kinds of values, whatever the values."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def names(headers):
    return sorted(line.partition(":")[0].lower() for line in headers.strip().splitlines())


def test_every_command_works_and_answers_as_printed(live_server):
    # Those whom `make run` brings.
    make_organizer(username=ORGANIZER)
    make_user(username=ATTENDEE)
    for username in (ORGANIZER, ATTENDEE):
        assert f'{{"username": "{username}", "password": "{PASSWORD}"}}' in TOUR
    script = f"\necho; echo '{SEPARATOR}'\n".join(commands for commands, *_ in blocks())
    environ = {"PATH": os.environ["PATH"], "API": f"{live_server}/api"}
    run = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"], input=script, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for answer, (commands, kind, printed) in zip(run.stdout.split(SEPARATOR), blocks(), strict=True):
        if kind == "json":
            assert shape(json.loads(answer.strip().splitlines()[-1])) == shape(json.loads(printed)), commands
        elif kind == "text":
            assert names(answer) == names(printed)


def test_no_command_names_a_date_that_will_be_over():
    assert [commands for commands, *_ in blocks() if re.search(r"\d{4}-\d\d-\d\d", commands)] == []
