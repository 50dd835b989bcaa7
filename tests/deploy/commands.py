"""Whether a command line can be run: its program is one of ours, and takes those options."""

import shlex
import sys
from pathlib import Path

import click
from celery.bin.celery import celery
from flask.cli import FlaskGroup
from granian.cli import cli as granian

BINARIES = Path(sys.executable).parent
PROGRAMS: dict[str, click.Command] = {"celery": celery, "flask": FlaskGroup(), "granian": granian}


def refuse_unknown(command: str | list[str]) -> None:
    """Raises click's errors, which say what is wrong; nothing is run."""
    program, *words = shlex.split(command) if isinstance(command, str) else command
    name = Path(program).name
    assert (BINARIES / name).exists(), f"{name} is no program of this environment"
    if name == "python":
        return
    if name == "flask":
        # Its commands are those of the application, which tests/cli runs.
        words = [word for word in words if word not in {"--app", "wsgi"}]
        assert words[0] in {"db", "doctor", "check-ledger", "create-superuser", "cache"}, command
        return
    _parse(PROGRAMS[name], name, words)


def _parse(command: click.Command, name: str, words: list[str]) -> None:
    """By click's parser alone: no option's own code is run."""
    context = click.Context(command, info_name=name)
    _, rest, _ = command.make_parser(context).parse_args(list(words))
    if isinstance(command, click.Group):
        inner = command.get_command(context, rest[0])
        assert inner, f"{name} has no command {rest[0]}"
        _parse(inner, rest[0], rest[1:])
    else:
        assert not rest, f"{name} takes no {rest}"
