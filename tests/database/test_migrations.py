"""The migrations make what the models say, step by step up and down, on both databases."""

import re
from collections.abc import Iterator
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Flask

from evently.extensions import db
from tests.harness.servers import new_database
from tests.harness.site import Site

# What SQLAlchemy does not read of SQLite's indexes, _indexes() below does.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
]


@pytest.fixture
def migrated(app) -> Iterator[Flask]:
    """The application on a database that may be migrated to and fro; there is nothing in it."""
    db.session.remove()
    # SQLite's pragmas know the schema as their connection saw it last; from here on there is one connection.
    db.engine.dispose()
    yield app
    flask_migrate.upgrade()


# What searching needs differs between the databases, so the models do not know it; the tests of searching do.
SEARCH = re.compile("(events|users)_search.*|ix_(events|users)_search")


def tables() -> set[str]:
    return names_of_tables(db.engine)


def names_of_tables(engine: sa.Engine) -> set[str]:
    return {name for name in sa.inspect(engine).get_table_names() if name != "alembic_version" and not SEARCH.fullmatch(name)}


def revisions(app: Flask) -> list[str]:
    """From the first to the last."""
    config = app.extensions["migrate"].migrate.get_config()
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_the_models_have_nothing_that_no_migration_makes(migrated):
    # Exits with an error when a revision would not be empty.
    flask_migrate.check()


def test_down_to_nothing_and_up_again(migrated):
    before = tables()
    assert before == set(db.metadata.tables)
    flask_migrate.downgrade(revision="base")
    assert tables() == set()
    flask_migrate.upgrade()
    assert tables() == before


def test_each_step_can_be_taken_back_alone(migrated):
    flask_migrate.downgrade(revision="base")
    for revision in revisions(migrated):
        flask_migrate.upgrade(revision=revision)
        there = schema(db.engine)
        flask_migrate.downgrade(revision="-1")
        flask_migrate.upgrade(revision=revision)
        assert schema(db.engine) == there


def test_there_is_one_line_of_revisions(migrated):
    config = migrated.extensions["migrate"].migrate.get_config()
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_migrations_and_models_agree_on_what_autogenerate_does_not_compare(site, app, request, tmp_path):
    """CHECKs, names, defaults, the conditions of partial indexes."""
    assert schema(db.engine) == schema_of_models(site, request, tmp_path)


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_no_extension_is_needed(app):
    with db.engine.connect() as connection:
        assert set(connection.scalars(sa.text("SELECT extname FROM pg_extension"))) == {"plpgsql"}


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_storage_options_are_set(app):
    query = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL"
    with db.engine.connect() as connection:
        options = {name: set(values) for name, values in connection.execute(sa.text(query))}
    assert "fillfactor=50" in options["ticket_stock"]
    assert {"autovacuum_vacuum_scale_factor=0.01", "autovacuum_vacuum_cost_delay=0"} <= options["bookings"]


def schema_of_models(site: Site, request: pytest.FixtureRequest, tmp_path) -> dict[str, Any]:
    if site.database == "sqlite":
        return _created(f"sqlite:///{tmp_path / 'models.sqlite3'}")
    with new_database(request.getfixturevalue("postgresql_url"), "evently_models") as url:
        return _created(url.replace("postgresql://", "postgresql+psycopg2://"))


def _created(url: str) -> dict[str, Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    db.metadata.create_all(engine)
    return schema(engine)


def schema(engine: sa.Engine) -> dict[str, Any]:
    inspector = sa.inspect(engine)
    tables = {name: _table(inspector, name) for name in names_of_tables(engine)}
    return {"tables": tables, "indexes": {name: index for name, index in _indexes(engine).items() if not SEARCH.fullmatch(name)}}


def _table(inspector: sa.Inspector, table: str) -> dict[str, Any]:
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], column["default"], column.get("identity"))
            for column in inspector.get_columns(table)
            if (table, column["name"]) not in {("events", "search"), ("users", "search")}
        },
        "checks": {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)},
        "uniques": {unique["name"]: unique["column_names"] for unique in inspector.get_unique_constraints(table)},
        "keys": {key["name"]: (key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(table)},
        "primary": inspector.get_pk_constraint(table),
    }


def _indexes(engine: sa.Engine) -> dict[str, str]:
    """By name; the reflection of SQLAlchemy leaves out those on expressions."""
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return {name: " ".join(definition.split()) for name, definition in connection.exec_driver_sql(query)}
