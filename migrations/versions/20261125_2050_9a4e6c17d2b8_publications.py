"""ANSM's list as uploaded, its differences with the register, and what was decided on each.

Lines and decisions are appended only. Of a publication only what the reading finds out is written afterwards.

Revision ID: 9a4e6c17d2b8
Revises: 6c1d8f4b2e70
Create Date: 2026-11-25 20:50
"""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "9a4e6c17d2b8"
down_revision = "6c1d8f4b2e70"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
TABLES = ("publication", "publication_line", "publication_line_decision")
APPEND_ONLY_TABLES = ("publication_line", "publication_line_decision")
READING = (
    "state, attempt_count, claimed_until, page_count, pages_read, fault, fault_where, listed_on, listed_count,"
    " unchanged_count, read_at"
)


def upgrade() -> None:
    """Make the tables, closed to other establishments and to rewriting; allow the kind of document."""
    change_documents(added=("publication",))
    make_publications()
    make_lines()
    make_decisions()
    for table in TABLES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(f"grant update ({READING}) on publication to {APP_ROLE}")
    op.execute(
        "create trigger publication_no_delete before delete on publication"
        " for each row execute function refuse_rewrite()"
    )
    for table in APPEND_ONLY_TABLES:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )


def change_documents(*, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
    """Add kinds to those that a document may have, whatever these are by then, or take them away."""
    query = sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_document_document_kind'")
    present = re.findall(r"'([a-z_]+)'", op.get_bind().execute(query).scalar_one())
    kinds = [kind for kind in dict.fromkeys([*present, *added]) if kind not in removed]
    op.execute("alter table document drop constraint ck_document_document_kind")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"alter table document add constraint ck_document_document_kind check (kind in ({listed}))")


def make_publications() -> None:
    """Make the table of uploaded files."""
    op.create_table(
        "publication",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by_id", sa.Uuid(), nullable=False),
        sa.Column("uploaded_by_name", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("queued", "read", "failed", name="reading_state", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("pages_read", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("fault_where", sa.Text(), nullable=False),
        sa.Column("listed_count", sa.Integer(), nullable=False),
        sa.Column("unchanged_count", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_publication_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_publication_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_index("ix_publication_list", "publication", ["establishment_id", "id"])
    op.create_index(
        "ix_publication_queued",
        "publication",
        ["establishment_id", "id"],
        postgresql_where=sa.text("state = 'queued'"),
    )


def make_lines() -> None:
    """Make the table of differences."""
    op.create_table(
        "publication_line",
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new",
                "extended",
                "ended",
                "reference_added",
                "reference_removed",
                "earlier_end",
                "not_understood",
                name="line_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column("is_certain", sa.Boolean(), nullable=False),
        sa.Column("listed", postgresql.JSONB(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publication.id"], name=op.f("fk_publication_line_publication_id")
        ),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_publication_line_derogation_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_publication_line_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication_line")),
        sa.UniqueConstraint("publication_id", "position", name=op.f("uq_publication_line_publication_id_position")),
    )


def make_decisions() -> None:
    """Make the table of what was decided on differences."""
    op.create_table(
        "publication_line_decision",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("approved", "declined", name="outcome", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=False),
        sa.Column("decided_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["publication_line.id"], name=op.f("fk_publication_line_decision_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["derogation_id"], ["derogation.id"], name=op.f("fk_publication_line_decision_derogation_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_publication_line_decision_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication_line_decision")),
    )
    op.create_index("ix_publication_line_decision_line_id", "publication_line_decision", ["line_id", "decided_at"])
    op.create_index(
        "uq_publication_line_approved",
        "publication_line_decision",
        ["line_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'approved'"),
    )


def downgrade() -> None:
    """Remove the tables; documents of the new kind must be gone."""
    for table in reversed(TABLES):
        op.drop_table(table)
    change_documents(removed=("publication",))
