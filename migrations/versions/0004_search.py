"""words of events, to be searched from their beginning

Revision: 0004, after 0003

What a word is, and why both databases agree on it, is told in docs/adr/006-search-by-words.md.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Everything between words: punctuation, signs and spaces, ASCII's and those beyond; not left to the database's locale.
SEPARATORS = (
    "[ -/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    "\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\U0001f000-\U0001faff]+"
)
# Of two that both know the letters of every language, the first that is there.
COLLATIONS = ("pg_c_utf8", "C.utf8", "und-x-icu", "en_US.utf8")


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _upgrade_postgresql()
    else:
        _upgrade_sqlite()


def _upgrade_postgresql() -> None:
    collation = _collation()
    parts = (("name", "A"), ("venue", "B"), ("description", "D"))
    words = " || ".join(
        f"setweight(to_tsvector('simple', regexp_replace(lower({column}{collation}), '{SEPARATORS}', ' ', 'g')), '{weight}')"
        for column, weight in parts
    )
    op.execute(sa.text(f"ALTER TABLE events ADD COLUMN search tsvector GENERATED ALWAYS AS ({_literal(words)}) STORED"))
    # Without the list of changes that were not sorted in yet: events change seldom and are searched often.
    op.execute("CREATE INDEX ix_events_search ON events USING gin (search) WITH (fastupdate = off)")


def _collation() -> str:
    """Nothing, unless the database's own locale knows only the letters of English."""
    if context.is_offline_mode() or op.get_bind().scalar(sa.text("SELECT lower('ÉØ') = 'éø'")):
        return ""
    query = sa.text("SELECT collname FROM pg_collation WHERE collname = ANY(:names) AND collencoding IN (-1, 6)")
    there = set(op.get_bind().scalars(query, {"names": list(COLLATIONS)}))
    found = next((name for name in COLLATIONS if name in there), None)
    if found is None:
        raise RuntimeError("Create the database with a locale that knows letters, such as C.UTF-8: É and é would be two letters.")
    return f' COLLATE "{found}"'


def _literal(sql: str) -> str:
    # A colon before a name would be a parameter.
    return sql.replace(":", r"\:")


def _upgrade_sqlite() -> None:
    op.execute("""
        CREATE VIRTUAL TABLE events_search
        USING fts5(event_id, name, venue, description, tokenize = "unicode61 remove_diacritics 0")
    """)
    op.execute("INSERT INTO events_search SELECT id, name, venue, description FROM events")
    # A row is found again by its event's id, which is a word too: SQLite may number the rows of `events` anew.
    row = "rowid IN (SELECT rowid FROM events_search WHERE events_search MATCH 'event_id\\:' || old.id)"
    op.execute("""
        CREATE TRIGGER events_search_insert AFTER INSERT ON events BEGIN
            INSERT INTO events_search VALUES (new.id, new.name, new.venue, new.description);
        END
    """)
    op.execute(f"""
        CREATE TRIGGER events_search_update AFTER UPDATE OF name, venue, description ON events BEGIN
            UPDATE events_search SET name = new.name, venue = new.venue, description = new.description WHERE {row};
        END
    """)  # noqa: S608 - all of it is ours
    op.execute(f"""
        CREATE TRIGGER events_search_delete AFTER DELETE ON events BEGIN
            DELETE FROM events_search WHERE {row};
        END
    """)  # noqa: S608 - all of it is ours


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_events_search")
        op.execute("ALTER TABLE events DROP COLUMN search")
    else:
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER events_search_{name}")
        op.execute("DROP TABLE events_search")
