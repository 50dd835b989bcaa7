"""what organizers type about the attendee of a manual booking, and whether the attendee shares the account

Revision: 0016, after 0015

The release before leaves the columns NULL, as in a booking that the attendee made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

IS_MANUAL = sa.text("added_by_id IS NOT NULL")
COLUMNS = (
    ("added_by_id", sa.Integer()),
    ("attendee_first_name", sa.String(length=150)),
    ("attendee_last_name", sa.String(length=150)),
    ("attendee_email", sa.String(length=254)),
    ("attendee_search", sa.Text()),
    ("accepted_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("bookings", sa.Column(name, kind, nullable=True))
    op.create_index("ix_bookings_manual", "bookings", ["event_id", "seq"], postgresql_where=IS_MANUAL, sqlite_where=IS_MANUAL)


def downgrade() -> None:
    op.drop_index("ix_bookings_manual", "bookings")
    for name, _ in reversed(COLUMNS):
        op.drop_column("bookings", name)
