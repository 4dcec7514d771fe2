"""Counts of the stock: what was scanned, and what was decided about the differences.

Revision ID: f19c5a70e2d4
Revises: 5b91e7c2d0a8
Create Date: 2026-11-26 00:35
"""

import sqlalchemy as sa
from alembic import op

revision = "f19c5a70e2d4"
down_revision = "5b91e7c2d0a8"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
APPEND_ONLY = ("counted_unit", "count_resolution")


def upgrade() -> None:
    """Make the tables, their row-level security and their refusals."""
    op.create_table(
        "stock_count",
        sa.Column("ward_id", sa.Uuid(), nullable=True),
        sa.Column("definition_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_stock_count_ward_id")),
        sa.ForeignKeyConstraint(["definition_id"], ["device_definition.id"], name=op.f("fk_stock_count_definition_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_stock_count_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count")),
    )
    op.create_index("ix_stock_count_list", "stock_count", ["establishment_id", "opened_at", "id"], unique=False)
    _create_facts()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in (*APPEND_ONLY, "stock_count"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(
        "create trigger stock_count_close_once before update on stock_count for each row execute function close_once()"
    )
    op.execute(
        "create trigger stock_count_no_delete before delete on stock_count"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(f"grant select, insert, update on stock_count to {APP_ROLE}")


def _create_facts() -> None:
    op.create_table(
        "counted_unit",
        sa.Column("count_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_counted_unit_count_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_counted_unit_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_counted_unit_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_unit")),
        sa.UniqueConstraint("count_id", "device_id", name=op.f("uq_counted_unit_count_id_device_id")),
    )
    op.create_table(
        "count_resolution",
        sa.Column("count_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column(
            "difference",
            sa.Enum(
                "missing", "wrong_place", "unexpected", name="difference", native_enum=False, create_constraint=True
            ),
            nullable=False,
        ),
        sa.Column(
            "resolution",
            sa.Enum("explained", "held", name="resolution", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["count_id"], ["stock_count.id"], name=op.f("fk_count_resolution_count_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_count_resolution_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_count_resolution_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_count_resolution")),
        sa.UniqueConstraint("count_id", "device_id", name=op.f("uq_count_resolution_count_id_device_id")),
    )


def downgrade() -> None:
    """Remove the tables."""
    for table in ("count_resolution", "counted_unit", "stock_count"):
        op.drop_table(table)
