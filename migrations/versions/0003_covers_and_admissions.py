"""covers and admissions

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "covers",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.Column("large", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_covers")),
    )
    op.add_column("events", sa.Column("cover_digest", sa.String(length=64), nullable=True))
    op.add_column("events", sa.Column("cover_alt", sa.String(length=200), server_default="", nullable=False))
    op.create_table(
        "admissions",
        sa.Column("booking_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("seat > 0", name=op.f("ck_admissions_seat_positive")),
        sa.ForeignKeyConstraint(["booking_seq"], ["bookings.seq"], name=op.f("fk_admissions_booking_seq_bookings")),
        sa.PrimaryKeyConstraint("booking_seq", "seat", name=op.f("pk_admissions")),
    )


def downgrade() -> None:
    op.drop_table("admissions")
    op.drop_column("events", "cover_alt")
    op.drop_column("events", "cover_digest")
    op.drop_table("covers")
