"""uploaded files are read by a worker: a state for files that wait for it, and the rows that it found

Revision: 0019, after 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEX = "ix_uploads_unfinished"
BEFORE, AFTER = ("checking", "checked", "importing", "done", "failed"), ("reading", "checking", "checked", "importing", "done", "failed")


def upgrade() -> None:
    op.add_column("uploads", sa.Column("rows", sa.LargeBinary(), nullable=True))
    op.drop_index(INDEX, "uploads")
    allow_states(AFTER)
    index_unfinished(("reading", "checking", "importing"))


def downgrade() -> None:
    # The release before reads a file in the request, and has none that waits.
    op.execute("DELETE FROM uploads WHERE state = 'reading'")
    op.drop_index(INDEX, "uploads")
    allow_states(BEFORE)
    index_unfinished(("checking", "importing"))
    op.drop_column("uploads", "rows")


def allow_states(states: tuple[str, ...]) -> None:
    name = op.f("ck_uploads_state")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(name, "uploads", type_="check")
        op.create_check_constraint(name, "uploads", f"state IN {states}")
        return
    # SQLite changes a constraint by copying the table, and dropping the old one deletes the rows that refer to it.
    op.execute("CREATE TEMPORARY TABLE reports AS SELECT * FROM upload_rows")
    with op.batch_alter_table("uploads", copy_from=table_with(sa.CheckConstraint(f"state IN {states}", name=name)), recreate="always"):
        pass
    op.execute("INSERT INTO upload_rows SELECT * FROM reports")
    op.execute("DROP TABLE reports")


def table_with(check: sa.CheckConstraint) -> sa.Table:
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer(), primary_key=True))
    return sa.Table(
        "uploads",
        metadata,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=2), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        check,
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name=op.f("fk_uploads_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.Index("ix_uploads_by_id_created_at", "by_id", "created_at"),
    )


def index_unfinished(states: tuple[str, ...]) -> None:
    is_unfinished = sa.text(f"state IN {states}")
    op.create_index(INDEX, "uploads", ["created_at"], postgresql_where=is_unfinished, sqlite_where=is_unfinished)
