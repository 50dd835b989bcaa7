"""words about a cancelled event, and how often a file was begun in vain

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("cancellation_note", sa.Text(), server_default="", nullable=False))
    op.add_column("uploads", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("uploads", "attempts")
    op.drop_column("events", "cancellation_note")
