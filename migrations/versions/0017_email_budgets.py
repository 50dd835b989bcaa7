"""counters of e-mail budgets, and the order in which e-mails are sent

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WAITING = sa.text("status IN ('queued', 'sending')")
SUPPRESSED = sa.text("status = 'suppressed'")


def upgrade() -> None:
    op.create_table(
        "mail_counters",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail_counters")),
    )
    # The release before writes no priority: its rows count as e-mails to one person.
    op.add_column("mails", sa.Column("priority", sa.SmallInteger(), server_default="1", nullable=False))
    op.execute("UPDATE mails SET priority = 0 WHERE status IN ('queued', 'sending') AND kind = 'booking_confirmed'")
    op.drop_index("ix_mails_waiting", "mails")
    op.create_index("ix_mails_waiting", "mails", ["priority", "not_before", "id"], postgresql_where=WAITING, sqlite_where=WAITING)
    op.create_index("ix_mails_suppressed", "mails", ["created_at"], postgresql_where=SUPPRESSED, sqlite_where=SUPPRESSED)


def downgrade() -> None:
    op.drop_index("ix_mails_suppressed", "mails")
    op.drop_index("ix_mails_waiting", "mails")
    op.create_index("ix_mails_waiting", "mails", ["not_before", "id"], postgresql_where=WAITING, sqlite_where=WAITING)
    op.drop_column("mails", "priority")
    op.drop_table("mail_counters")
