"""Whether the database has every migration that this release brings. Read from their files: Alembic takes long to load."""

import re
from functools import cache

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from config import ROOT
from evently.database import single_statement

REVISION_LINE = re.compile(r'^(down_revision|revision)\b[^=]*= *(?:"(\w+)"|None)', re.MULTILINE)


def pending_migrations() -> str:
    """What is to be done yet, for a person; empty when the database is up to date, or ahead of us.

    Ahead is well: a new release migrates first, and the old one serves on until it is replaced.
    """
    try:
        with single_statement(writes=False) as connection:
            current = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError:
        current = None
    if current is None:
        return "all migrations"
    known = _newest_first()
    return f"{known.index(current)} of {len(known)} migrations" if current in known[1:] else ""


def wrong_encoding(connection: sa.Connection) -> str:
    """What to do about a PostgreSQL database that cannot hold every text; empty where it can."""
    if connection.dialect.name != "postgresql":
        return ""
    name, encoding = connection.execute(sa.text("SELECT current_database(), current_setting('server_encoding')")).one()
    if encoding == "UTF8":
        return ""
    return (
        f"The database {name} has the encoding {encoding}, and names need UTF8. "
        f"Make it anew while it is empty: dropdb {name}; createdb --encoding UTF8 --template template0 --owner OWNER {name}"
    )


@cache
def _newest_first() -> list[str]:
    before = dict(_steps())
    (newest,) = before.keys() - before.values()
    order = [newest]
    while (earlier := before[order[-1]]) is not None:
        order.append(earlier)
    return order


def _steps() -> "list[tuple[str, str | None]]":
    found = [dict(REVISION_LINE.findall(path.read_text())) for path in (ROOT / "migrations" / "versions").glob("*.py")]
    return [(names["revision"], names["down_revision"] or None) for names in found]
