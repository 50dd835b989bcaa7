"""descriptions as HTML, stored beside their Markdown

The HTML of existing rows is written by the task events.render_descriptions.

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NOT_RENDERED = sa.text("description_digest = '' AND description <> ''")


def upgrade() -> None:
    op.add_column("events", sa.Column("description_html", sa.Text(), server_default="", nullable=False))
    op.add_column("events", sa.Column("description_digest", sa.String(length=64), server_default="", nullable=False))
    op.create_index("ix_events_not_rendered", "events", ["id"], postgresql_where=NOT_RENDERED, sqlite_where=NOT_RENDERED)


def downgrade() -> None:
    op.drop_index("ix_events_not_rendered", "events")
    op.drop_column("events", "description_digest")
    op.drop_column("events", "description_html")
