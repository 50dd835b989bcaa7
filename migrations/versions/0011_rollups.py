"""figures by event and day, and by organizer and day

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What was ever confirmed, and of it what still is.
SALES = "FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.status IN ('confirmed', 'cancelled') AND b.decided_at IS NOT NULL"
BOOKINGS = "count(*) FILTER (WHERE b.status = 'confirmed')"
TICKETS = "coalesce(sum(b.ticket_count) FILTER (WHERE b.status = 'confirmed'), 0)"
CENTS = "CAST(round(coalesce(sum(b.total_amount) FILTER (WHERE b.status = 'confirmed'), 0) * 100) AS BIGINT)"


def upgrade() -> None:
    op.create_table(
        "event_totals",
        _event(),
        sa.Column("bookings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tickets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ever_confirmed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("admitted", sa.Integer(), server_default="0", nullable=False),
        _of_event("event_totals"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_totals")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "event_days",
        _event(),
        *_figures(),
        _of_event("event_days"),
        sa.PrimaryKeyConstraint("event_id", "day", "currency", name=op.f("pk_event_days")),
    )
    op.create_table(
        "organizer_days",
        sa.Column("organizer_id", sa.Integer(), nullable=False),
        *_figures(),
        sa.ForeignKeyConstraint(["organizer_id"], ["users.id"], name=op.f("fk_organizer_days_organizer_id_users")),
        sa.PrimaryKeyConstraint("organizer_id", "day", "currency", name=op.f("pk_organizer_days")),
    )
    op.create_index("ix_organizer_days_day", "organizer_days", ["day"], unique=False)
    op.create_table(
        "arrivals",
        _event(),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        _of_event("arrivals"),
        sa.PrimaryKeyConstraint("event_id", "since", name=op.f("pk_arrivals")),
    )
    _fill(is_sqlite=op.get_bind().dialect.name == "sqlite")


def downgrade() -> None:
    for table in ("arrivals", "organizer_days", "event_days", "event_totals"):
        op.drop_table(table)


def _event() -> sa.Column:
    return sa.Column("event_id", sa.Uuid(), nullable=False)


def _of_event(table: str) -> sa.Constraint:
    return sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f(f"fk_{table}_event_id_events"))


def _figures() -> tuple[sa.Column, ...]:
    return (
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("bookings", sa.Integer(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("ever_confirmed", sa.Integer(), nullable=False),
    )


def _fill(*, is_sqlite: bool) -> None:
    """From the rows there are."""
    day = "date(b.booking_date)" if is_sqlite else "date(timezone('UTC', b.booking_date))"
    quarter = "to_timestamp(floor(extract(epoch FROM admitted_at) / 900) * 900)"
    if is_sqlite:
        quarter = "strftime('%Y-%m-%d %H:%M:%S.000000', strftime('%s', admitted_at) / 900 * 900, 'unixepoch')"
    for table, owner in (("event_days", "b.event_id"), ("organizer_days", "e.organizer_id")):
        key = f"{owner}, {day}, b.currency"
        op.execute(f"INSERT INTO {table} SELECT {key}, {BOOKINGS}, {TICKETS}, {CENTS}, count(*) {SALES} GROUP BY {key}")
    op.execute(f"INSERT INTO arrivals SELECT event_id, {quarter}, count(*) FROM admissions GROUP BY event_id, {quarter}")  # noqa: S608
    sold = f"SELECT b.event_id, {BOOKINGS} AS bookings, {TICKETS} AS tickets, count(*) AS ever, 0 AS came {SALES} GROUP BY b.event_id"
    came = "SELECT event_id, 0, 0, 0, count(*) FROM admissions GROUP BY event_id"
    sums = "sum(bookings), sum(tickets), sum(ever), sum(came)"
    op.execute(f"INSERT INTO event_totals SELECT event_id, {sums} FROM ({sold} UNION ALL {came}) counts GROUP BY event_id")  # noqa: S608
