"""Planned operations, and the warnings about those that fall after the end of their derogation.

An operation is closed once, as a hold is: the same trigger refuses any other change. A warning is withdrawn once.

Revision ID: 3b7f0e52c9a4
Revises: 8c41d2e6a9b3
Create Date: 2026-11-25 20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "3b7f0e52c9a4"
down_revision = "8c41d2e6a9b3"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
OPEN = sa.text("closed_at is null")
CLOSING = "closed_at, closed_by_id, closed_by_name, close_reason"


def upgrade() -> None:
    """Make both tables, closed to other establishments and to rewriting."""
    make_operations()
    make_warnings()
    for table in ("planned_operation", "operation_warning"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(f"grant update ({CLOSING}) on planned_operation to {APP_ROLE}")
    op.execute(f"grant update (withdrawn_at) on operation_warning to {APP_ROLE}")
    op.execute(
        "create trigger planned_operation_close_once before update on planned_operation"
        " for each row execute function close_once()"
    )
    op.execute(
        "create trigger planned_operation_no_delete before delete on planned_operation"
        " for each row execute function refuse_rewrite()"
    )


def make_operations() -> None:
    """Make the table of planned operations."""
    op.create_table(
        "planned_operation",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column("definition_id", sa.Uuid(), nullable=True),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "derogation_id is not null or definition_id is not null", name=op.f("ck_planned_operation_subject")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_planned_operation_patient_id")),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_planned_operation_derogation_id")),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["device_definition.id"], name=op.f("fk_planned_operation_definition_id")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_planned_operation_operator_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_planned_operation_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_operation")),
    )
    columns = ["establishment_id", "planned_on", "id"]
    op.create_index("ix_planned_operation_open", "planned_operation", columns, postgresql_where=OPEN)
    for column in ("derogation_id", "definition_id"):
        name = f"ix_planned_operation_{column}"
        op.create_index(name, "planned_operation", [column, "planned_on"], postgresql_where=OPEN)
    op.create_index("ix_planned_operation_patient_id", "planned_operation", ["patient_id"])


def make_warnings() -> None:
    """Make the table of warnings about planned operations."""
    op.create_table(
        "operation_warning",
        sa.Column("operation_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["planned_operation.id"], name=op.f("fk_operation_warning_operation_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_operation_warning_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_warning")),
    )
    op.create_index(
        "uq_operation_warning_open",
        "operation_warning",
        ["operation_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at is null"),
    )
    op.create_index(
        "ix_operation_warning_open",
        "operation_warning",
        ["establishment_id", "raised_at"],
        postgresql_where=sa.text("withdrawn_at is null"),
    )


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("operation_warning")
    op.drop_table("planned_operation")
