"""The way to the CE mark as stated, what documents call a device, and why they may differ.

Revision ID: 2e8c5a91d7f4
Revises: 6a2e91c7d4b8
Create Date: 2026-11-25 23:40
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2e8c5a91d7f4"
down_revision = "6a2e91c7d4b8"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
TABLES = ("conformity_statement", "conformity_naming", "conformity_explanation")


def upgrade() -> None:
    """Make the three tables, closed to other establishments and to rewriting."""
    create_tables()
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in TABLES:
        op.create_index(
            f"ix_{table}_derogation_id",
            table,
            ["derogation_id", "reference", "stated_on"] if table == "conformity_statement" else ["derogation_id"],
            unique=False,
        )
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )


def create_tables() -> None:
    """Make the tables."""
    op.create_table(
        "conformity_statement",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("stated_on", sa.Date(), nullable=False),
        sa.Column(
            "risk_class",
            code("risk_class", ["unknown", "i", "iia", "iib", "iii", "ivd_a", "ivd_b", "ivd_c", "ivd_d"]),
            nullable=False,
        ),
        sa.Column("is_implantable", sa.Boolean(), nullable=False),
        sa.Column("exchanges_medicine", sa.Boolean(), nullable=False),
        sa.Column(
            "no_mark_reason",
            code(
                "no_mark_reason",
                [
                    "never_asked",
                    "in_assessment",
                    "certificate_ended",
                    "certificate_withdrawn",
                    "reclassified",
                    "discontinued",
                    "other",
                ],
            ),
            nullable=False,
        ),
        sa.Column("no_mark_note", sa.Text(), nullable=False),
        sa.Column("certificates", postgresql.JSONB(), nullable=False),
        sa.Column("notified_body", sa.Text(), nullable=False),
        sa.Column("milestones", postgresql.JSONB(), nullable=False),
        sa.Column(
            "consultation",
            code(
                "consultation_state",
                ["not_stated", "exempted", "not_begun", "running", "no_opinion", "opinion_given"],
            ),
            nullable=False,
        ),
        sa.Column("consultation_on", sa.Date(), nullable=True),
        sa.Column("consultation_note", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *common_columns("conformity_statement"),
    )
    op.create_table(
        "conformity_naming",
        sa.Column(
            "place",
            code("place", ["decision", "label", "notice", "request", "instructions", "certificate", "other"]),
            nullable=False,
        ),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("title", "designation", "model", "indication", "population", "manufacturer")
        ),
        *common_columns("conformity_naming"),
    )
    op.create_table(
        "conformity_explanation",
        sa.Column(
            "aspect",
            code("aspect", ["designation", "model", "indication", "population", "manufacturer"]),
            nullable=False,
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *common_columns("conformity_explanation"),
    )


def code(name: str, values: list[str]) -> sa.Enum:
    """Return a text column with a CHECK of its values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True)


def common_columns(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns and constraints that the three tables share."""
    return [
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f(f"fk_{table}_derogation_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f(f"fk_{table}_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def downgrade() -> None:
    """Remove them."""
    for table in reversed(TABLES):
        op.drop_table(table)
