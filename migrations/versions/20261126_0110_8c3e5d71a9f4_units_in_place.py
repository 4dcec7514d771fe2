"""Software is updated and equipment moves: each as a dated fact, the present version and place beside the unit.

Revision ID: 8c3e5d71a9f4
Revises: c2d7e85a41f6
Create Date: 2026-11-26 01:10
"""

import sqlalchemy as sa
from alembic import op

revision = "8c3e5d71a9f4"
down_revision = "c2d7e85a41f6"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
TABLES = ("software_update", "unit_place")


def upgrade() -> None:
    """Make the tables, their row-level security and their refusals."""
    op.add_column("device", sa.Column("place", sa.Text(), nullable=True))
    _create_updates()
    _create_places()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in TABLES:
        op.create_index(f"ix_{table}_device_id", table, ["device_id", "at"], unique=False)
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


def _create_updates() -> None:
    op.create_table(
        "software_update",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("version_before", sa.Text(), nullable=True),
        sa.Column(
            "change",
            sa.Enum("minor", "major", "unknown", name="change", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("installed_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("accepted", "quarantined", "refused", name="outcome", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("findings", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_software_update_device_id")),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_software_update_derogation_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_software_update_hold_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_software_update_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_software_update")),
    )


def _create_places() -> None:
    op.create_table(
        "unit_place",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("place_before", sa.Text(), nullable=True),
        sa.Column("moved_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_unit_place_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_unit_place_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_place")),
    )


def downgrade() -> None:
    """Remove them; what was recorded in them is lost, as it is with every table."""
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("device", "place")
