"""who let a ticket in, where, and to which event

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Made anew: SQLite adds neither a foreign key nor a column without default to a table.
    op.execute("CREATE TABLE admissions_before AS SELECT a.*, b.event_id FROM admissions a JOIN bookings b ON b.seq = a.booking_seq")
    op.drop_table("admissions")
    op.create_table(
        "admissions",
        *_columns(),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("gate", sa.String(length=40), server_default="", nullable=False),
        sa.Column("admitted_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["admitted_by_id"], ["users.id"], name=op.f("fk_admissions_admitted_by_id_users")),
        *_constraints(),
    )
    op.create_index("ix_admissions_event_id_admitted_at", "admissions", ["event_id", "admitted_at"], unique=False)
    _fill("booking_seq, seat, admitted_at, event_id")


def downgrade() -> None:
    op.execute("CREATE TABLE admissions_before AS SELECT booking_seq, seat, admitted_at FROM admissions")
    op.drop_table("admissions")
    op.create_table("admissions", *_columns(), *_constraints())
    _fill("booking_seq, seat, admitted_at")


def _columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("booking_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
    )


def _constraints() -> tuple[sa.Constraint, ...]:
    return (
        sa.CheckConstraint("seat > 0", name=op.f("ck_admissions_seat_positive")),
        sa.ForeignKeyConstraint(["booking_seq"], ["bookings.seq"], name=op.f("fk_admissions_booking_seq_bookings")),
        sa.PrimaryKeyConstraint("booking_seq", "seat", name=op.f("pk_admissions")),
    )


def _fill(columns: str) -> None:
    op.execute(f"INSERT INTO admissions ({columns}) SELECT {columns} FROM admissions_before")  # noqa: S608 - two lists, both above
    op.drop_table("admissions_before")
