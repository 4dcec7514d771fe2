"""What a token may be used for; tokens made before may do everything their owner may.

Revision ID: 8d13f60b2c97
Revises: 8c3e5d71a9f4
Create Date: 2026-11-26 01:20
"""

import sqlalchemy as sa
from alembic import op

revision = "8d13f60b2c97"
down_revision = "8c3e5d71a9f4"
branch_labels = None
depends_on = None

SCOPES = ("everything", "reading", "goods_in")


def upgrade() -> None:
    """Add the column with its check."""
    codes = ", ".join(f"'{code}'" for code in SCOPES)
    kind = sa.String(max(len(code) for code in SCOPES))
    op.add_column("api_token", sa.Column("scope", kind, nullable=False, server_default="everything"))
    op.alter_column("api_token", "scope", server_default=None)
    op.create_check_constraint("token_scope", "api_token", f"scope in ({codes})")


def downgrade() -> None:
    """Remove it; a narrow token would become a wide one, so narrow tokens end."""
    op.execute("update api_token set revoked_at = now() where scope <> 'everything' and revoked_at is null")
    op.drop_column("api_token", "scope")
