"""Imports of the catalogue, corrections and merges of its devices.

Revision ID: b4d07f3e6c19
Revises: e41a6d09b7c5
Create Date: 2026-11-25 23:45
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b4d07f3e6c19"
down_revision = "e41a6d09b7c5"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
APPEND_ONLY = ("definition_change", "definition_merge")


def upgrade() -> None:
    """Make the tables, their row-level security and their refusals."""
    op.add_column("device_definition", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_device_definition_merged_into_id", "device_definition", "device_definition", ["merged_into_id"], ["id"]
    )
    op.create_index(
        "ix_device_definition_merged",
        "device_definition",
        ["establishment_id", "merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id is not null"),
    )
    _create_histories()
    _create_imports()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in (*APPEND_ONLY, "catalogue_import"):
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
    op.execute(f"grant select, insert, update on catalogue_import to {APP_ROLE}")


def _create_histories() -> None:
    op.create_table(
        "definition_change",
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["device_definition.id"], name=op.f("fk_definition_change_definition_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_definition_change_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition_change")),
    )
    op.create_index("ix_definition_change_definition_id", "definition_change", ["definition_id", "at"], unique=False)
    op.create_table(
        "definition_merge",
        sa.Column("absorbed_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["absorbed_id"], ["device_definition.id"], name=op.f("fk_definition_merge_absorbed_id")
        ),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["device_definition.id"], name=op.f("fk_definition_merge_survivor_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_definition_merge_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition_merge")),
        sa.UniqueConstraint("absorbed_id", name=op.f("uq_definition_merge_absorbed_id")),
    )
    op.create_index("ix_definition_merge_survivor_id", "definition_merge", ["survivor_id"], unique=False)


def _create_imports() -> None:
    op.create_table(
        "catalogue_import",
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by_id", sa.Uuid(), nullable=False),
        sa.Column("sent_by_name", sa.Text(), nullable=False),
        sa.Column("total_count", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by_id", sa.Uuid(), nullable=True),
        sa.Column("confirmed_by_name", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_count", sa.Integer(), nullable=False),
        sa.Column("created_count", sa.Integer(), nullable=False),
        sa.Column("changed_count", sa.Integer(), nullable=False),
        sa.Column("known_count", sa.Integer(), nullable=False),
        sa.Column("rejected_count", sa.Integer(), nullable=False),
        sa.Column("errors", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_catalogue_import_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_import")),
    )
    op.create_index("ix_catalogue_import_list", "catalogue_import", ["establishment_id", "sent_at", "id"], unique=False)
    op.create_index(
        "ix_catalogue_import_waiting",
        "catalogue_import",
        ["establishment_id", "confirmed_at"],
        unique=False,
        postgresql_where=sa.text("confirmed_at is not null and finished_at is null"),
    )


def downgrade() -> None:
    """Remove what was added."""
    for table in ("catalogue_import", "definition_merge", "definition_change"):
        op.drop_table(table)
    op.drop_index("ix_device_definition_merged", table_name="device_definition")
    op.drop_constraint("fk_device_definition_merged_into_id", "device_definition", type_="foreignkey")
    op.drop_column("device_definition", "merged_into_id")
