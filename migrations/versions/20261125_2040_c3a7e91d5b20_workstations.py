"""Workstations and the calibrations of their readers; each received box names the one it was read by.

A line without a calibration was read by nothing but its text. ``keyed_scan`` is what the physical keys meant.

Revision ID: c3a7e91d5b20
Revises: 3d0b7c5a9e14
Create Date: 2026-11-25 20:40
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c3a7e91d5b20"
down_revision = "3d0b7c5a9e14"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
TABLES = ("workstation", "calibration")


def upgrade() -> None:
    """Make both tables, closed to other hospitals and to rewriting, and the two columns of a line."""
    op.create_table(
        "workstation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("created_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_workstation_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workstation")),
        sa.UniqueConstraint("establishment_id", "name", name=op.f("uq_workstation_establishment_id_name")),
    )
    op.create_table(
        "calibration",
        sa.Column("workstation_id", sa.Uuid(), nullable=False),
        sa.Column("profile", postgresql.JSONB(), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=True),
        sa.Column("raw_scan", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_calibration_establishment_id")
        ),
        sa.ForeignKeyConstraint(["workstation_id"], ["workstation.id"], name=op.f("fk_calibration_workstation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration")),
    )
    op.create_index("ix_calibration_workstation_id", "calibration", ["workstation_id", "at"], unique=False)
    for table in TABLES:
        protect(table)
    op.add_column("reception_line", sa.Column("calibration_id", sa.Uuid(), nullable=True))
    op.add_column("reception_line", sa.Column("keyed_scan", sa.LargeBinary(), nullable=True))
    op.create_foreign_key(
        op.f("fk_reception_line_calibration_id"), "reception_line", "calibration", ["calibration_id"], ["id"]
    )


def protect(table: str) -> None:
    """Append only, one establishment at a time, nothing but reading and inserting for the program."""
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    op.execute(
        f"create trigger {table}_append_only before update or delete on {table}"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        f"create trigger {table}_no_truncate before truncate on {table}"
        " for each statement execute function refuse_rewrite()"
    )
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
    op.execute(f"grant select, insert on {table} to {APP_ROLE}")


def downgrade() -> None:
    """Remove them."""
    op.drop_constraint(op.f("fk_reception_line_calibration_id"), "reception_line", type_="foreignkey")
    op.drop_column("reception_line", "keyed_scan")
    op.drop_column("reception_line", "calibration_id")
    op.drop_table("calibration")
    op.drop_table("workstation")
