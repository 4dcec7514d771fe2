"""A unit's page finds the tray's box it was, and the counts that saw it, by an index.

Revision ID: 5a7c19e2d0b8
Revises: c4e81d07f6a3
Create Date: 2026-11-26 01:40
"""

from alembic import op

revision = "5a7c19e2d0b8"
down_revision = "c4e81d07f6a3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_unidentified_outcome_line_id", "unidentified_outcome", ["line_id"])
    op.create_index("ix_counted_unit_device_id", "counted_unit", ["device_id", "at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_counted_unit_device_id", "counted_unit")
    op.drop_index("ix_unidentified_outcome_line_id", "unidentified_outcome")
