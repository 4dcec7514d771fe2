"""Wards can be closed, recipients removed, and two more purposes have recipients.

Revision ID: 7d20c9f3b8e1
Revises: 9a4e6c17d2b8
Create Date: 2026-11-25 21:00
"""

import sqlalchemy as sa
from alembic import op

revision = "7d20c9f3b8e1"
down_revision = "9a4e6c17d2b8"
branch_labels = None
depends_on = None

PURPOSES = ("derogation_warning", "incident_copy", "vigilance_warning")


def upgrade() -> None:
    """Add the columns, widen the purposes."""
    op.add_column("ward", sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.text("true")))
    op.add_column("recipient", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint("uq_recipient_establishment_id_purpose_email", "recipient", type_="unique")
    op.create_index(
        "uq_recipient_kept",
        "recipient",
        ["establishment_id", "purpose", "email"],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
    )
    restrict_purposes(PURPOSES)


def restrict_purposes(purposes: tuple[str, ...]) -> None:
    """Let the purposes of recipients be these and no others."""
    op.drop_constraint(op.f("ck_recipient_recipient_purpose"), "recipient", type_="check")
    length = max(len(purpose) for purpose in purposes)
    op.alter_column("recipient", "purpose", type_=sa.String(length=length))
    listed = ", ".join(f"'{purpose}'" for purpose in purposes)
    op.create_check_constraint(op.f("ck_recipient_recipient_purpose"), "recipient", f"purpose in ({listed})")


def downgrade() -> None:
    """Take the columns back; recipients of the new purposes and removed ones go."""
    op.execute("delete from recipient where purpose <> 'derogation_warning' or removed_at is not null")
    restrict_purposes(PURPOSES[:1])
    op.drop_index("uq_recipient_kept", table_name="recipient")
    op.create_unique_constraint(
        "uq_recipient_establishment_id_purpose_email", "recipient", ["establishment_id", "purpose", "email"]
    )
    op.drop_column("recipient", "removed_at")
    op.drop_column("ward", "is_active")
