"""Alembic's environment: migrations run on the application's own engine."""

import logging

import click
from alembic import context
from flask import current_app

from evently.extensions import db
from evently.http import schema_version

logging.getLogger("alembic").setLevel(logging.WARNING)


def is_in_models(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """Whether autogenerate compares it; what searching needs differs between the databases and is the migrations' alone."""
    is_search = kind == "column" and parents["table_name"] in {"events", "users"} and name == "search"
    return not is_search and not (name or "").startswith(("events_search", "ix_events_search", "users_search", "ix_users_search"))


def run_offline() -> None:
    """Print the SQL instead of running it (`flask db upgrade --sql`)."""
    url = db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    arguments = current_app.extensions["migrate"].configure_args
    # All of a migration or nothing; the engine's own connections commit statement by statement.
    options = {"isolation_level": "READ COMMITTED"} if db.engine.dialect.name == "postgresql" else {}
    with db.engine.connect().execution_options(**options) as connection:
        if connection.dialect.name == "sqlite":
            # A table rebuilt under foreign keys would take the rows that refer to it along.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        elif problem := schema_version.wrong_encoding(connection):
            raise click.ClickException(problem)
        # The migrations begin a transaction of their own, which is committed.
        connection.rollback()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transactional_ddl=True,
            include_name=is_in_models,
            **arguments,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
