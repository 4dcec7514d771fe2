"""A use has a time of day: a withdrawal of consent later on the same day must not stand against it.

Uses recorded before keep their day only.

Revision ID: 4f9a2b7c1d35
Revises: f19c5a70e2d4
Create Date: 2026-11-26 00:10
"""

import sqlalchemy as sa
from alembic import op

revision = "4f9a2b7c1d35"
down_revision = "f19c5a70e2d4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the instant."""
    op.add_column("device_use", sa.Column("used_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("device_use", "used_at")
