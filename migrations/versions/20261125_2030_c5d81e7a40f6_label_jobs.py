"""Print jobs and the establishment's own papers for labels.

A label printed before this has no job: what it said is not known, and its columns stay empty.

Revision ID: c5d81e7a40f6
Revises: 3b7e92d4c610
Create Date: 2026-11-25 20:30
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c5d81e7a40f6"
down_revision = "3b7e92d4c610"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
KEPT = sa.text("retired_at is null")
SIZES = ("width_mm", "height_mm", "margin_top_mm", "margin_left_mm", "gap_x_mm", "gap_y_mm")


def upgrade() -> None:
    """Make both tables, closed to other establishments; a print names its job from now on."""
    make_formats()
    make_jobs()
    for table in ("label_format", "label_job"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(f"grant update (is_default, retired_at) on label_format to {APP_ROLE}")
    for when, name in (("update or delete", "append_only"), ("truncate", "no_truncate")):
        each = "statement" if when == "truncate" else "row"
        op.execute(
            f"create trigger label_job_{name} before {when} on label_job"
            f" for each {each} execute function refuse_rewrite()"
        )
    op.add_column("label_print", sa.Column("job_id", sa.Uuid(), nullable=True))
    op.add_column("label_print", sa.Column("position", sa.Integer(), nullable=True))
    op.add_column("label_print", sa.Column("is_reprint", sa.Boolean(), nullable=True))
    op.add_column("label_print", sa.Column("is_released", sa.Boolean(), nullable=True))
    op.add_column("label_print", sa.Column("derogation_until", sa.Date(), nullable=True))
    op.create_foreign_key(op.f("fk_label_print_job_id"), "label_print", "label_job", ["job_id"], ["id"])
    op.create_index("ix_label_print_job_id", "label_print", ["job_id", "position"])
    op.create_index("ix_label_print_list", "label_print", ["establishment_id", "at", "id"])


def make_formats() -> None:
    """Make the table of papers."""
    op.create_table(
        "label_format",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "paper", sa.Enum("a4", "roll", name="paper", native_enum=False, create_constraint=True), nullable=False
        ),
        *[sa.Column(name, sa.Numeric(precision=6, scale=2), nullable=False) for name in SIZES],
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_label_format_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_format")),
    )
    columns = ["establishment_id", "name"]
    op.create_index("uq_label_format_name", "label_format", columns, unique=True, postgresql_where=KEPT)
    op.create_index(
        "uq_label_format_default",
        "label_format",
        ["establishment_id"],
        unique=True,
        postgresql_where=sa.text("is_default and retired_at is null"),
    )


def make_jobs() -> None:
    """Make the table of print jobs."""
    op.create_table(
        "label_job",
        sa.Column("layout", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_label_job_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_job")),
    )


def downgrade() -> None:
    """Remove what was added."""
    op.drop_index("ix_label_print_list", table_name="label_print")
    op.drop_index("ix_label_print_job_id", table_name="label_print")
    op.drop_constraint(op.f("fk_label_print_job_id"), "label_print", type_="foreignkey")
    for column in ("derogation_until", "is_released", "is_reprint", "position", "job_id"):
        op.drop_column("label_print", column)
    op.drop_table("label_job")
    op.drop_table("label_format")
