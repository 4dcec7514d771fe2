"""Destructions: asked for by one person, confirmed by another.

The table is closed once like the holds; the database itself refuses a confirmation by who asked.

Revision ID: 6a2e91c7d4b8
Revises: 7d20f4b8c6e1
Create Date: 2026-11-25 23:30
"""

import sqlalchemy as sa
from alembic import op

revision = "6a2e91c7d4b8"
down_revision = "7d20f4b8c6e1"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"


def upgrade() -> None:
    """Make the table, its row-level security and its refusals."""
    op.create_table(
        "destruction",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "close_reason is distinct from 'confirmed' or closed_by_id <> requested_by_id",
            name=op.f("ck_destruction_witness"),
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_destruction_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_destruction_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destruction")),
    )
    op.create_index(
        "uq_destruction_open", "destruction", ["device_id"], unique=True, postgresql_where=sa.text("closed_at is null")
    )
    op.create_index("ix_destruction_list", "destruction", ["establishment_id", "requested_at", "id"], unique=False)
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    op.execute("alter table destruction enable row level security")
    op.execute(f"create policy destruction_establishment on destruction using ({here}) with check ({here})")
    op.execute(
        "create trigger destruction_close_once before update on destruction for each row execute function close_once()"
    )
    op.execute(
        "create trigger destruction_no_delete before delete on destruction"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(f"grant select, insert, update on destruction to {APP_ROLE}")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("destruction")
