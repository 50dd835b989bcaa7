"""usernames that look like a new one are found from an index

Revision: 0020, after 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# As evently/accounts/usernames.py has it at this revision.
SKELETON = "lower(username)"
for seen, meant in (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l")):
    SKELETON = f"replace({SKELETON}, '{seen}', '{meant}')"


def upgrade() -> None:
    op.create_index("ix_users_username_skeleton", "users", [sa.text(f"rtrim({SKELETON}, '._+-')")])


def downgrade() -> None:
    op.drop_index("ix_users_username_skeleton", "users")
