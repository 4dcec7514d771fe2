"""Indexes for what the home page counts: open deliveries, awaited consents, emergencies.

Without them each count would read every delivery and every consent ever recorded.

Revision ID: 8c41d2e6a9b3
Revises: 5f3a1c0b7d21
Create Date: 2026-11-22 07:12
"""

import sqlalchemy as sa
from alembic import op

revision = "8c41d2e6a9b3"
down_revision = "5f3a1c0b7d21"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_reception_open", "reception", ("establishment_id", "number"), "closed_at is null"),
    ("ix_consent_event_informed", "consent_event", ("establishment_id", "at"), "kind = 'informed'"),
    ("ix_consent_event_emergency", "consent_event", ("establishment_id", "at"), "kind = 'emergency'"),
)


def upgrade() -> None:
    """Make the three indexes."""
    for name, table, columns, condition in INDEXES:
        op.create_index(name, table, list(columns), unique=False, postgresql_where=sa.text(condition))


def downgrade() -> None:
    """Remove them."""
    for name, table, _columns, _condition in INDEXES:
        op.drop_index(name, table_name=table)
