"""Flask-Migrate's commands, loaded when one of them is typed: with Alembic they are 8 MB that no request needs."""

from typing import Any

import click


class Migrations(click.Group):
    """Stands for theirs until somebody asks for it by its name."""

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        from flask_migrate.cli import db  # noqa: PLC0415 - for that alone this module is here

        context: click.Context = db.make_context(info_name, args, parent=parent, **extra)
        return context


migration_commands = Migrations("db", help="Perform database migrations.")
