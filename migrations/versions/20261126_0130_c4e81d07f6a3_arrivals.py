"""Deliveries: how they look, what they are to hold, whose the devices are, and the rest that is awaited.

Revision ID: c4e81d07f6a3
Revises: 8d13f60b2c97
Create Date: 2026-11-26 01:30
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c4e81d07f6a3"
down_revision = "8d13f60b2c97"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
APPEND_ONLY = ("arrival_condition", "announcement")


def upgrade() -> None:
    """Add the columns; make the tables, their row-level security and their refusals."""
    op.add_column("reception", sa.Column("close_reason", sa.String(12), nullable=True))
    op.add_column("reception", sa.Column("ownership", sa.String(11), server_default="own", nullable=False))
    op.add_column("reception", sa.Column("rest_of_id", sa.Uuid(), nullable=True))
    op.create_check_constraint("closing", "reception", "close_reason in ('complete', 'rest_awaited')")
    op.create_check_constraint("ownership", "reception", "ownership in ('own', 'loan', 'consignment')")
    op.create_foreign_key(op.f("fk_reception_rest_of_id"), "reception", "reception", ["rest_of_id"], ["id"])
    op.create_unique_constraint(op.f("uq_reception_rest_of_id"), "reception", ["rest_of_id"])
    op.create_index(
        "ix_reception_awaited",
        "reception",
        ["establishment_id", "number"],
        postgresql_where=sa.text("close_reason = 'rest_awaited'"),
    )
    _create_facts()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in APPEND_ONLY:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")


def _create_facts() -> None:
    op.create_table(
        "arrival_condition",
        sa.Column("reception_id", sa.Uuid(), nullable=False),
        sa.Column("parcel", sa.String(11), nullable=False),
        sa.Column("seals", sa.String(11), nullable=False),
        sa.Column("temperature", sa.String(11), nullable=False),
        sa.Column("measured", sa.Numeric(4, 1), nullable=True),
        sa.Column("lowest", sa.Numeric(4, 1), nullable=True),
        sa.Column("highest", sa.Numeric(4, 1), nullable=True),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        *(
            sa.CheckConstraint(f"{column} in ('good', 'damaged', 'not_checked')", name=column)
            for column in ("parcel", "seals", "temperature")
        ),
        sa.ForeignKeyConstraint(["reception_id"], ["reception.id"], name=op.f("fk_arrival_condition_reception_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_arrival_condition_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrival_condition")),
    )
    op.create_table(
        "announcement",
        sa.Column("reception_id", sa.Uuid(), nullable=False),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["reception_id"], ["reception.id"], name=op.f("fk_announcement_reception_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["announcement.id"], name=op.f("fk_announcement_replaces_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_announcement_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
    )
    for table in APPEND_ONLY:
        op.create_index(f"ix_{table}_reception_id", table, ["reception_id", "at", "id"], unique=False)


def downgrade() -> None:
    """Remove the tables and columns."""
    for table in APPEND_ONLY:
        op.drop_table(table)
    op.drop_index("ix_reception_awaited", table_name="reception")
    for column in ("rest_of_id", "ownership", "close_reason"):
        op.drop_column("reception", column)
