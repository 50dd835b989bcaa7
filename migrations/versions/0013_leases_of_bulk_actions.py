"""who is at an action on many bookings, and why it ended before its time

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bulk_actions", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("bulk_actions", sa.Column("reason", sa.String(length=500), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("bulk_actions", "reason")
    op.drop_column("bulk_actions", "lease_until")
