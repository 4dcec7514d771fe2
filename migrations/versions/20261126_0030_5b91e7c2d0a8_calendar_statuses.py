"""Statuses and last days of a calendar in arrays of their own: a filter reads no long value of each row.

Calendars written before are marked as not computed: their decisions answer until the next one writes them again.

Revision ID: 5b91e7c2d0a8
Revises: 4f7a91c3e2d6
Create Date: 2026-11-26 00:30
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "5b91e7c2d0a8"
down_revision = "4f7a91c3e2d6"
branch_labels = None
depends_on = None

COLUMNS = {"statuses": sa.Text(), "last_days": sa.Date()}
NEVER = "9999-12-31"


def upgrade() -> None:
    """Add the two columns."""
    for name, kind in COLUMNS.items():
        op.add_column(
            "derogation_calendar", sa.Column(name, postgresql.ARRAY(kind), nullable=False, server_default="{}")
        )
        op.alter_column("derogation_calendar", name, server_default=None)
    op.execute(f"update derogation_calendar set known_at = '{NEVER}'")


def downgrade() -> None:
    """Remove them."""
    for name in COLUMNS:
        op.drop_column("derogation_calendar", name)
