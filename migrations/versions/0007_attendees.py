"""people, to be searched from the beginning of their words; what is done to many bookings at once

Revision: 0007, after 0006

What a word is, and why both databases agree on it, is told in docs/adr/006-search-by-words.md.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Everything between words, as in 0004.
SEPARATORS = (
    "[ -/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    "\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\U0001f000-\U0001faff]+"
)
# Of two that both know the letters of every language, the first that is there.
COLLATIONS = ("pg_c_utf8", "C.utf8", "und-x-icu", "en_US.utf8")
COLUMNS = ("first_name", "last_name", "username", "email")
WORDS = " || ' ' || ".join(COLUMNS)


def upgrade() -> None:
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("seen_seq", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('cancel', 'admit')", name=op.f("ck_bulk_actions_kind")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_bulk_actions_event_id_events")),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name=op.f("fk_bulk_actions_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_actions")),
    )
    op.create_index(
        "ix_bulk_actions_unfinished",
        "bulk_actions",
        ["created_at"],
        postgresql_where=sa.text("finished_at IS NULL"),
        sqlite_where=sa.text("finished_at IS NULL"),
    )
    if op.get_context().dialect.name == "postgresql":
        _search_in_postgresql()
    else:
        _search_in_sqlite()


def _search_in_postgresql() -> None:
    words = f"to_tsvector('simple', regexp_replace(lower(({WORDS}){_collation()}), '{SEPARATORS}', ' ', 'g'))"
    # A colon before a name would be a parameter.
    column = words.replace(":", r"\:")
    op.execute(sa.text(f"ALTER TABLE users ADD COLUMN search tsvector GENERATED ALWAYS AS ({column}) STORED"))
    # Without the list of changes that were not sorted in yet: names change seldom and are searched often.
    op.execute("CREATE INDEX ix_users_search ON users USING gin (search) WITH (fastupdate = off)")


def _collation() -> str:
    """Nothing, unless the database's own locale knows only the letters of English."""
    if context.is_offline_mode() or op.get_bind().scalar(sa.text("SELECT lower('ÉØ') = 'éø'")):
        return ""
    query = sa.text("SELECT collname FROM pg_collation WHERE collname = ANY(:names) AND collencoding IN (-1, 6)")
    there = set(op.get_bind().scalars(query, {"names": list(COLLATIONS)}))
    # Some is there, or 0004 would have said so.
    return f' COLLATE "{next(name for name in COLLATIONS if name in there)}"'


def _search_in_sqlite() -> None:
    # A row has its person's number, which is the row's own in `users`.
    op.execute("CREATE VIRTUAL TABLE users_search USING fts5(words, tokenize = 'unicode61 remove_diacritics 0')")
    op.execute(f"INSERT INTO users_search (rowid, words) SELECT id, {WORDS} FROM users")  # noqa: S608 - all of it is ours
    words = " || ' ' || ".join(f"new.{column}" for column in COLUMNS)
    op.execute(f"""
        CREATE TRIGGER users_search_insert AFTER INSERT ON users BEGIN
            INSERT INTO users_search (rowid, words) VALUES (new.id, {words});
        END
    """)  # noqa: S608 - all of it is ours
    op.execute(f"""
        CREATE TRIGGER users_search_update AFTER UPDATE OF first_name, last_name, username, email ON users BEGIN
            UPDATE users_search SET words = {words} WHERE rowid = old.id;
        END
    """)  # noqa: S608 - all of it is ours
    op.execute("""
        CREATE TRIGGER users_search_delete AFTER DELETE ON users BEGIN
            DELETE FROM users_search WHERE rowid = old.id;
        END
    """)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_users_search")
        op.execute("ALTER TABLE users DROP COLUMN search")
    else:
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER users_search_{name}")
        op.execute("DROP TABLE users_search")
    op.drop_index("ix_bulk_actions_unfinished", table_name="bulk_actions")
    op.drop_table("bulk_actions")
