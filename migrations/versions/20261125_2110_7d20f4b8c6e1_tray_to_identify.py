"""The tray of boxes that could not be identified at goods-in, and what became of each.

Revision ID: 7d20f4b8c6e1
Revises: 7d20c9f3b8e1
Create Date: 2026-11-25 21:10
"""

import sqlalchemy as sa
from alembic import op

revision = "7d20f4b8c6e1"
down_revision = "7d20c9f3b8e1"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"


def upgrade() -> None:
    """Make both tables: an item is closed once, what became of it is only appended."""
    op.execute("create sequence unidentified_number_seq")
    op.execute(f"grant usage on sequence unidentified_number_seq to {APP_ROLE}")
    create_item()
    create_outcome()
    op.execute(
        "create trigger unidentified_item_close_once before update on unidentified_item"
        " for each row execute function close_once()"
    )
    op.execute(
        "create trigger unidentified_item_no_delete before delete on unidentified_item"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger unidentified_outcome_append_only before update or delete on unidentified_outcome"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger unidentified_outcome_no_truncate before truncate on unidentified_outcome"
        " for each statement execute function refuse_rewrite()"
    )
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table, rights in (("unidentified_item", "select, insert, update"), ("unidentified_outcome", "select, insert")):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
        op.execute(f"grant {rights} on {table} to {APP_ROLE}")


def create_item() -> None:
    """Make the table of boxes, with the index of those that wait."""
    op.create_table(
        "unidentified_item",
        sa.Column(
            "number", sa.BigInteger(), server_default=sa.text("nextval('unidentified_number_seq')"), nullable=False
        ),
        sa.Column("reception_id", sa.Uuid(), nullable=True),
        sa.Column(
            "cause",
            sa.Enum(
                "unreadable",
                "unknown",
                "no_code",
                "contradiction",
                "other",
                name="cause",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("raw_scan", sa.LargeBinary(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("put_aside_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("put_aside_by_id", sa.Uuid(), nullable=False),
        sa.Column("put_aside_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_unidentified_item_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_unidentified_item_establishment_id")
        ),
        sa.ForeignKeyConstraint(["reception_id"], ["reception.id"], name=op.f("fk_unidentified_item_reception_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unidentified_item")),
        sa.UniqueConstraint("number", name=op.f("uq_unidentified_item_number")),
    )
    op.create_index("ix_unidentified_item_list", "unidentified_item", ["establishment_id", "number"], unique=False)
    op.create_index(
        "ix_unidentified_item_open",
        "unidentified_item",
        ["establishment_id", "number"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
    )


def create_outcome() -> None:
    """Make the table of what became of each."""
    op.create_table(
        "unidentified_outcome",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column(
            "disposition",
            sa.Enum(
                "received",
                "returned",
                "destroyed",
                "other",
                name="disposition",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_unidentified_outcome_establishment_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["unidentified_item.id"], name=op.f("fk_unidentified_outcome_item_id")),
        sa.ForeignKeyConstraint(["line_id"], ["reception_line.id"], name=op.f("fk_unidentified_outcome_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unidentified_outcome")),
        sa.UniqueConstraint("item_id", name=op.f("uq_unidentified_outcome_item_id")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("unidentified_outcome")
    op.drop_table("unidentified_item")
    op.execute("drop sequence unidentified_number_seq")
