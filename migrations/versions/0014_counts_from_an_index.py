"""lists of events are found and counted from an index alone, on PostgreSQL

Revision: 0014, after 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME, COLUMNS, INCLUDED = "ix_events_time_id", ["time", "id"], ["status", "archived_at", "price_per_ticket"]


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(NAME, "events")
        op.create_index(NAME, "events", COLUMNS, postgresql_include=INCLUDED)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(NAME, "events")
        op.create_index(NAME, "events", COLUMNS)
