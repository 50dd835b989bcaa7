"""e-mail addresses are unique among confirmed accounts only; pending e-mail changes; API tokens expire

Revision: 0015, after 0014

The release before still refuses a taken address by a look-up, so it runs on this schema; it leaves `expires_at` NULL. Of two
accounts with one address it takes either at sign-in, and it answers 500 when the second one is confirmed. The downgrade
fails while two accounts share an address.
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CONFIRMED = sa.text("email_confirmed_at IS NOT NULL")
# Tokens from before have no end; their holders get as long as an unused token does.
GRACE = dt.timedelta(days=90)


def upgrade() -> None:
    op.create_index("ix_users_email_lower", "users", [sa.text("lower(email)")])
    op.create_index(
        "uq_users_confirmed_email_lower",
        "users",
        [sa.text("lower(email)")],
        unique=True,
        postgresql_where=CONFIRMED,
        sqlite_where=CONFIRMED,
    )
    op.drop_index("uq_users_email_lower", "users")
    op.create_table(
        "email_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("old_email", sa.String(length=254), nullable=False),
        sa.Column("new_email", sa.String(length=254), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_email_changes_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_changes")),
    )
    op.create_index(op.f("ix_email_changes_user_id"), "email_changes", ["user_id"])
    op.add_column("api_tokens", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    tokens = sa.table("api_tokens", sa.column("expires_at", sa.DateTime(timezone=True)))
    op.execute(tokens.update().values(expires_at=dt.datetime.now(dt.UTC) + GRACE))


def downgrade() -> None:
    op.drop_column("api_tokens", "expires_at")
    op.drop_table("email_changes")
    op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True)
    op.drop_index("uq_users_confirmed_email_lower", "users")
    op.drop_index("ix_users_email_lower", "users")
