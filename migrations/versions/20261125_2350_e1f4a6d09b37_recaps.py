"""Recaps for the manufacturer and their handing over; appended only.

Revision ID: e1f4a6d09b37
Revises: a94c60d17e52
Create Date: 2026-11-25 23:50
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "e1f4a6d09b37"
down_revision = "a94c60d17e52"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"


def upgrade() -> None:
    """Make both tables, closed to other establishments and to rewriting."""
    make_recaps()
    make_handovers()
    for table in ("recap", "recap_handover"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )


def make_recaps() -> None:
    """Make the table of recaps."""
    op.create_table(
        "recap",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_recap_derogation_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_recap_document_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_recap_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recap")),
    )
    op.create_index("ix_recap_derogation_id", "recap", ["derogation_id", "last_day"])
    op.create_index("ix_recap_list", "recap", ["establishment_id", "made_at", "id"])


def make_handovers() -> None:
    """Make the table of what was handed over."""
    op.create_table(
        "recap_handover",
        sa.Column("recap_id", sa.Uuid(), nullable=False),
        sa.Column("handed_on", sa.Date(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["recap_id"], ["recap.id"], name=op.f("fk_recap_handover_recap_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_recap_handover_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recap_handover")),
    )
    op.create_index("ix_recap_handover_recap_id", "recap_handover", ["recap_id"])


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("recap_handover")
    op.drop_table("recap")
