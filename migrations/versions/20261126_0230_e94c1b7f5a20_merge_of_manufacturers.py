"""Merges of manufacturers, as dated facts.

Revision ID: e94c1b7f5a20
Revises: d5e92c08b1a7
Create Date: 2026-11-26 02:30
"""

import sqlalchemy as sa
from alembic import op

revision = "e94c1b7f5a20"
down_revision = "d5e92c08b1a7"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"


def upgrade() -> None:
    """Add the pointer to the survivor, and the table of merges, closed to other establishments and to rewriting."""
    op.add_column("manufacturer", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_manufacturer_merged_into_id", "manufacturer", "manufacturer", ["merged_into_id"], ["id"])
    op.create_table(
        "manufacturer_merge",
        sa.Column("absorbed_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("moved_count", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["absorbed_id"], ["manufacturer.id"], name=op.f("fk_manufacturer_merge_absorbed_id")),
        sa.ForeignKeyConstraint(["survivor_id"], ["manufacturer.id"], name=op.f("fk_manufacturer_merge_survivor_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_manufacturer_merge_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturer_merge")),
        sa.UniqueConstraint("absorbed_id", name=op.f("uq_manufacturer_merge_absorbed_id")),
    )
    op.create_index("ix_manufacturer_merge_survivor_id", "manufacturer_merge", ["survivor_id"])
    op.execute("alter table manufacturer_merge enable row level security")
    op.execute(
        f"create policy manufacturer_merge_establishment on manufacturer_merge using ({HERE}) with check ({HERE})"
    )
    op.execute(f"grant select, insert on manufacturer_merge to {APP_ROLE}")
    op.execute(
        "create trigger manufacturer_merge_append_only before update or delete on manufacturer_merge"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger manufacturer_merge_no_truncate before truncate on manufacturer_merge"
        " for each statement execute function refuse_rewrite()"
    )


def downgrade() -> None:
    """Remove the table and the pointer."""
    op.drop_table("manufacturer_merge")
    op.drop_column("manufacturer", "merged_into_id")
