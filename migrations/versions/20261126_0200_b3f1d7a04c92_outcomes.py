"""What became of units: opened and not implanted, taken out of their patient again.

Revision ID: b3f1d7a04c92
Revises: a7d3c91e5f08
Create Date: 2026-11-26 02:00
"""

import sqlalchemy as sa
from alembic import op

revision = "b3f1d7a04c92"
down_revision = "a7d3c91e5f08"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
TABLES = ("failure", "explantation")
STAGES = ("opened", "tried")
FAILURE_CAUSES = ("dropped", "sterility", "size", "damaged", "not_needed", "other")
EXPLANTATION_CAUSES = ("infection", "loosening", "damage", "pain", "replacement", "recall", "other")
FATES = ("unknown", "kept", "laboratory", "manufacturer", "patient", "discarded")


def upgrade() -> None:
    """Make the tables, their row-level security and their refusals."""
    _create_failures()
    _create_explantations()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in TABLES:
        op.create_index(f"ix_{table}_patient_id", table, ["patient_id"], unique=False)
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


def _code(name: str, column: str, codes: tuple[str, ...]) -> sa.Column[str]:
    return sa.Column(column, sa.Enum(*codes, name=name, native_enum=False, create_constraint=True), nullable=False)


def _create_failures() -> None:
    op.create_table(
        "failure",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("failed_on", sa.Date(), nullable=False),
        _code("stage", "stage", STAGES),
        _code("failure_cause", "cause", FAILURE_CAUSES),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("ward_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_failure_device_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_failure_patient_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_failure_operator_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_failure_ward_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_failure_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure")),
        sa.UniqueConstraint("device_id", name=op.f("uq_failure_device_id")),
    )


def _create_explantations() -> None:
    op.create_table(
        "explantation",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("explanted_on", sa.Date(), nullable=False),
        _code("explantation_cause", "cause", EXPLANTATION_CAUSES),
        sa.Column("note", sa.Text(), nullable=False),
        _code("fate", "fate", FATES),
        sa.Column("operator_id", sa.Uuid(), nullable=True),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_explantation_device_id")),
        sa.ForeignKeyConstraint(["use_id"], ["device_use.id"], name=op.f("fk_explantation_use_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_explantation_patient_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_explantation_operator_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_explantation_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_explantation")),
        sa.UniqueConstraint("device_id", name=op.f("uq_explantation_device_id")),
    )


def downgrade() -> None:
    """Remove them; what was recorded in them is lost, as it is with every table."""
    for table in TABLES:
        op.drop_table(table)
