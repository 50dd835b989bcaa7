"""Words of events, found from their beginning and without regard to case: full text on PostgreSQL, FTS5 on SQLite.

A word is what letters and digits stand together, in every script. The index is the migrations' (0004); both databases
keep it themselves, whoever writes.
"""

from sqlalchemy import ColumnElement, Uuid, column, false, func, literal_column, select, table

from evently.events.models import Event
from evently.extensions import db
from evently.text import search_terms

# The letters by which PostgreSQL's index tells the columns apart.
WEIGHTS = {"name": "A", "venue": "B", "description": "D"}


def matches(searched: str, columns: tuple[str, ...]) -> ColumnElement[bool]:
    """The condition for events with each of the words searched for, or longer ones, in one of these columns."""
    words = search_terms(searched)
    if not words:
        return false()
    return _matches_fts5(words, columns) if db.session.get_bind().dialect.name == "sqlite" else _matches_tsvector(words, columns)


def _matches_tsvector(words: list[str], columns: tuple[str, ...]) -> ColumnElement[bool]:
    weights = "".join(WEIGHTS[name] for name in columns)
    # A word holds no quote and no backslash, which are separators.
    query = " & ".join(f"'{word}':*{weights}" for word in words)
    return literal_column("events.search").op("@@")(func.to_tsquery("simple", query))


def _matches_fts5(words: list[str], columns: tuple[str, ...]) -> ColumnElement[bool]:
    query = f"{{{' '.join(columns)}}} : (" + " AND ".join(f'"{word}"*' for word in words) + ")"
    found = select(column("event_id", Uuid())).select_from(table("events_search"))
    return Event.id.in_(found.where(literal_column("events_search").op("MATCH")(query)))
