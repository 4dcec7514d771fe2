"""Examinations that a derogation requires after a use, and what became of each.

Revision ID: d51b7e90a3c6
Revises: b3f1d7a04c92
Create Date: 2026-11-26 02:10
"""

import sqlalchemy as sa
from alembic import op

revision = "d51b7e90a3c6"
down_revision = "b3f1d7a04c92"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
KIND = sa.Enum("done", "not_done", "reopened", name="outcome_kind", native_enum=False, create_constraint=True)
REQUIRES = """findings @> '[{"code": "follow-up-required"}]'"""


def upgrade() -> None:
    """Make both tables, closed to other establishments and to rewriting, and the index by which new uses are found."""
    make_examinations()
    make_outcomes()
    for table in ("examination", "examination_outcome"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(f"grant update (closed_at) on examination to {APP_ROLE}")
    op.execute(
        "create trigger examination_no_delete before delete on examination"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger examination_outcome_append_only before update or delete on examination_outcome"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger examination_outcome_no_truncate before truncate on examination_outcome"
        " for each statement execute function refuse_rewrite()"
    )
    columns = ["establishment_id", "recorded_at"]
    op.create_index("ix_device_use_requires", "device_use", columns, postgresql_where=sa.text(REQUIRES))


def make_examinations() -> None:
    """Make the table of examinations."""
    op.create_table(
        "examination",
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("required_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["use_id"], ["device_use.id"], name=op.f("fk_examination_use_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_examination_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examination")),
    )
    op.create_index(
        "ix_examination_open",
        "examination",
        ["establishment_id", "due_on", "id"],
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index("ix_examination_required_at", "examination", ["establishment_id", "required_at"])
    op.create_index("ix_examination_use_id", "examination", ["use_id"])


def make_outcomes() -> None:
    """Make the table of what became of examinations."""
    op.create_table(
        "examination_outcome",
        sa.Column("examination_id", sa.Uuid(), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["examination_id"], ["examination.id"], name=op.f("fk_examination_outcome_examination_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_examination_outcome_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examination_outcome")),
    )
    op.create_index("ix_examination_outcome_examination_id", "examination_outcome", ["examination_id", "recorded_at"])


def downgrade() -> None:
    """Remove both tables and the index."""
    op.drop_index("ix_device_use_requires", "device_use")
    op.drop_table("examination_outcome")
    op.drop_table("examination")
