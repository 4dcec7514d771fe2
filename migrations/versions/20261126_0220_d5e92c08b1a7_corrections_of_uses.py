"""A use entered wrongly is corrected by a new fact that names it; what it freed is free again.

Revision ID: d5e92c08b1a7
Revises: d51b7e90a3c6
Create Date: 2026-11-26 02:20
"""

import sqlalchemy as sa
from alembic import op

revision = "d5e92c08b1a7"
down_revision = "d51b7e90a3c6"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
EVENTS = ("REC", "NRE", "ESD", "SSD", "DEL", "POS", "ECH", "NCO", "PER", "REA", "ANR", "UTI")
ADDED = "ANP"


def upgrade() -> None:
    """Make the table; say of every use where its record began; let a place be freed."""
    _create_corrections()
    set_events((*EVENTS, ADDED))
    op.add_column("device_use", sa.Column("origin_id", sa.Uuid(), nullable=True))
    op.execute("alter table device_use disable trigger device_use_append_only")
    op.execute("update device_use set origin_id = id")
    op.execute("alter table device_use enable trigger device_use_append_only")
    op.alter_column("device_use", "origin_id", nullable=False)
    op.create_foreign_key(op.f("fk_device_use_origin_id"), "device_use", "device_use", ["origin_id"], ["id"])
    op.create_index("ix_device_use_origin_id", "device_use", ["origin_id"], unique=False)
    op.add_column("derogation_place", sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("drop trigger derogation_place_append_only on derogation_place")
    op.execute("drop trigger derogation_place_no_truncate on derogation_place")
    op.execute(f"grant update (freed_at) on derogation_place to {APP_ROLE}")


def _create_corrections() -> None:
    op.create_table(
        "use_correction",
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("replacement_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["use_id"], ["device_use.id"], name=op.f("fk_use_correction_use_id")),
        sa.ForeignKeyConstraint(["replacement_id"], ["device_use.id"], name=op.f("fk_use_correction_replacement_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_use_correction_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_use_correction")),
        sa.UniqueConstraint("use_id", name=op.f("uq_use_correction_use_id")),
        sa.UniqueConstraint("replacement_id", name=op.f("uq_use_correction_replacement_id")),
    )
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    op.execute("alter table use_correction enable row level security")
    op.execute(f"create policy use_correction_establishment on use_correction using ({here}) with check ({here})")
    for when, name, scope in (("update or delete", "append_only", "row"), ("truncate", "no_truncate", "statement")):
        op.execute(
            f"create trigger use_correction_{name} before {when} on use_correction"
            f" for each {scope} execute function refuse_rewrite()"
        )
    op.execute(f"grant select, insert on use_correction to {APP_ROLE}")


def set_events(events: tuple[str, ...]) -> None:
    """Set the list of events that may be stored."""
    op.drop_constraint(op.f("ck_movement_event"), "movement", type_="check")
    codes = ", ".join(f"'{code}'" for code in events)
    op.create_check_constraint(op.f("ck_movement_event"), "movement", f"event in ({codes})")


def downgrade() -> None:
    """Remove it all; refused by the database itself once a use was withdrawn."""
    op.execute(f"revoke update (freed_at) on derogation_place from {APP_ROLE}")
    for when, name, scope in (("update or delete", "append_only", "row"), ("truncate", "no_truncate", "statement")):
        op.execute(
            f"create trigger derogation_place_{name} before {when} on derogation_place"
            f" for each {scope} execute function refuse_rewrite()"
        )
    op.drop_column("derogation_place", "freed_at")
    op.drop_index("ix_device_use_origin_id", table_name="device_use")
    op.drop_column("device_use", "origin_id")
    set_events(EVENTS)
    op.drop_table("use_correction")
