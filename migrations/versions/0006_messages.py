"""organizers' messages, and who wants no more of some mails

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=220), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_messages_event_id_events")),
        sa.ForeignKeyConstraint(["sender_id"], ["users.id"], name=op.f("fk_messages_sender_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_event_id_created_at_id", "messages", ["event_id", "created_at", "id"], unique=False)
    op.create_table(
        "unsubscriptions",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_unsubscriptions_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "topic", name=op.f("pk_unsubscriptions")),
    )
    op.add_column("mails", sa.Column("message_id", sa.Uuid(), nullable=True))
    op.add_column("mails", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
    _index("ix_mails_message_id_id", ["message_id", "id"], "message_id IS NOT NULL")
    _index("ix_mails_sent", ["sent_at"], "status = 'sent'")


def _index(name: str, columns: list[str], condition: str) -> None:
    op.create_index(name, "mails", columns, unique=False, postgresql_where=sa.text(condition), sqlite_where=sa.text(condition))


def downgrade() -> None:
    op.drop_index("ix_mails_sent", "mails")
    op.drop_index("ix_mails_message_id_id", "mails")
    op.drop_column("mails", "tried_at")
    op.drop_column("mails", "message_id")
    op.drop_table("unsubscriptions")
    op.drop_index("ix_messages_event_id_created_at_id", "messages")
    op.drop_table("messages")
