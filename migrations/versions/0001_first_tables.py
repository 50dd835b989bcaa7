"""first tables

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("first_name", sa.String(length=150), server_default="", nullable=False),
        sa.Column("last_name", sa.String(length=150), server_default="", nullable=False),
        sa.Column("phone_number", sa.String(length=15), server_default="", nullable=False),
        sa.Column("address", sa.String(length=500), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("is_organizer", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_staff", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(phone_number) <= 15", name=op.f("ck_users_phone_number_length")),
        sa.CheckConstraint("length(username) > 0", name=op.f("ck_users_username_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True)
    op.create_index("uq_users_username_lower", "users", [sa.text("lower(username)")], unique=True)

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_tokens_token_sha256")),
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.String(length=500), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=300), server_default="", nullable=False),
        sa.Column("venue", sa.String(length=200), nullable=False),
        sa.Column("website", sa.String(length=500), server_default="", nullable=False),
        sa.Column("category", sa.String(length=30), server_default="other", nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timezone", sa.String(length=64), server_default="UTC", nullable=False),
        sa.Column("currency", sa.String(length=3), server_default="EUR", nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("price_per_ticket", sa.Numeric(10, 2), nullable=False),
        sa.Column("sales_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sales_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_tickets_per_booking", sa.Integer(), nullable=True),
        sa.Column("max_tickets_per_user", sa.Integer(), nullable=True),
        sa.Column("cancellation_deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sends_reminders", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("organizer_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'published', 'cancelled')",
            name=op.f("ck_events_status"),
        ),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_events_capacity_positive")),
        sa.CheckConstraint("ends_at >= time", name=op.f("ck_events_ends_after_start")),
        sa.CheckConstraint(
            "max_tickets_per_booking > 0",
            name=op.f("ck_events_max_per_booking_positive"),
        ),
        sa.CheckConstraint("max_tickets_per_user > 0", name=op.f("ck_events_max_per_user_positive")),
        sa.CheckConstraint("price_per_ticket >= 0", name=op.f("ck_events_price_not_negative")),
        sa.CheckConstraint("sales_end > sales_start", name=op.f("ck_events_sales_end_after_start")),
        sa.ForeignKeyConstraint(["organizer_id"], ["users.id"], name=op.f("fk_events_organizer_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("organizer_id", "source_id", name=op.f("uq_events_organizer_id_source_id")),
    )
    op.create_index("ix_events_capacity_id", "events", ["capacity", "id"], unique=False)
    op.create_index("ix_events_category_time_id", "events", ["category", "time", "id"], unique=False)
    op.create_index("ix_events_created_at_id", "events", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_events_organizer_id_time_id",
        "events",
        ["organizer_id", "time", "id"],
        unique=False,
    )
    op.create_index(
        "ix_events_price_per_ticket_time_id",
        "events",
        ["price_per_ticket", "time", "id"],
        unique=False,
    )
    op.create_index("ix_events_time_id", "events", ["time", "id"], unique=False)

    op.create_table(
        "ticket_types",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("price", sa.Numeric(10, 2), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_ticket_types_price_not_negative")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_ticket_types_event_id_events")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_types")),
        sa.UniqueConstraint("event_id", "position", name=op.f("uq_ticket_types_event_id_position")),
    )
    op.create_table(
        "bookings",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_type_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("ticket_count", sa.Integer(), nullable=False),
        sa.Column("total_amount", sa.Numeric(10, 2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("failure_code", sa.String(length=40), nullable=True),
        sa.Column("booking_date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'confirmed', 'failed', 'cancelled')",
            name=op.f("ck_bookings_status"),
        ),
        sa.CheckConstraint("ticket_count > 0", name=op.f("ck_bookings_ticket_count_positive")),
        sa.CheckConstraint("total_amount >= 0", name=op.f("ck_bookings_total_amount_not_negative")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_bookings_event_id_events")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"],
            ["ticket_types.id"],
            name=op.f("fk_bookings_ticket_type_id_ticket_types"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_bookings_user_id_users")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_bookings")),
        sa.UniqueConstraint("id", name=op.f("uq_bookings_id")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.01,
            "autovacuum_vacuum_cost_delay": 0,
        },
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_bookings_event_id_status_seq",
        "bookings",
        ["event_id", "status", "seq"],
        unique=False,
    )
    op.create_index(
        "ix_bookings_queue",
        "bookings",
        ["event_id", "seq"],
        unique=False,
        postgresql_where=sa.text("status = 'processing'"),
        sqlite_where=sa.text("status = 'processing'"),
    )
    op.create_index("ix_bookings_user_id_seq", "bookings", ["user_id", "seq"], unique=False)

    op.create_table(
        "ticket_stock",
        sa.Column("ticket_type_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_ticket_stock_capacity_positive")),
        sa.CheckConstraint(
            "reserved BETWEEN 0 AND capacity",
            name=op.f("ck_ticket_stock_never_oversold"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_ticket_stock_event_id_events")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"],
            ["ticket_types.id"],
            name=op.f("fk_ticket_stock_ticket_type_id_ticket_types"),
        ),
        sa.PrimaryKeyConstraint("ticket_type_id", name=op.f("pk_ticket_stock")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_ticket_stock_event_id", "ticket_stock", ["event_id"], unique=False)

    op.create_table(
        "mails",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("to_address", sa.String(length=254), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'failed', 'suppressed')",
            name=op.f("ck_mails_status"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_mails_attempts_not_negative")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_mails_booking_id_bookings")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_mails_event_id_events")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mails_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("delivery_key", name=op.f("uq_mails_delivery_key")),
    )
    op.create_index("ix_mails_booking_id_id", "mails", ["booking_id", "id"], unique=False)
    op.create_index("ix_mails_event_id_id", "mails", ["event_id", "id"], unique=False)
    op.create_index(
        "ix_mails_failed",
        "mails",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status = 'failed'"),
        sqlite_where=sa.text("status = 'failed'"),
    )
    op.create_index("ix_mails_user_id_id", "mails", ["user_id", "id"], unique=False)
    op.create_index(
        "ix_mails_waiting",
        "mails",
        ["not_before", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
        sqlite_where=sa.text("status IN ('queued', 'sending')"),
    )


def downgrade() -> None:
    op.drop_index("ix_mails_waiting", "mails")
    op.drop_index("ix_mails_user_id_id", "mails")
    op.drop_index("ix_mails_failed", "mails")
    op.drop_index("ix_mails_event_id_id", "mails")
    op.drop_index("ix_mails_booking_id_id", "mails")

    op.drop_table("mails")
    op.drop_index("ix_ticket_stock_event_id", "ticket_stock")

    op.drop_table("ticket_stock")
    op.drop_index("ix_bookings_user_id_seq", "bookings")
    op.drop_index("ix_bookings_queue", "bookings")
    op.drop_index("ix_bookings_event_id_status_seq", "bookings")

    op.drop_table("bookings")
    op.drop_table("ticket_types")
    op.drop_index("ix_events_time_id", "events")
    op.drop_index("ix_events_price_per_ticket_time_id", "events")
    op.drop_index("ix_events_organizer_id_time_id", "events")
    op.drop_index("ix_events_created_at_id", "events")
    op.drop_index("ix_events_category_time_id", "events")
    op.drop_index("ix_events_capacity_id", "events")

    op.drop_table("events")
    op.drop_index("ix_api_tokens_user_id", "api_tokens")

    op.drop_table("api_tokens")
    op.drop_index("uq_users_username_lower", "users")
    op.drop_index("uq_users_email_lower", "users")

    op.drop_table("users")
