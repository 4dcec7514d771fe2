"""Runs of jobs may be forgotten, and the warnings of the home page are found by the end they warn of.

A run is no trace: it proves that the work was done lately. Rows that are a month old prove nothing and would be
millions a year.

Revision ID: c2d7e85a41f6
Revises: 4f9a2b7c1d35
Create Date: 2026-11-26 00:50
"""

from alembic import op

revision = "c2d7e85a41f6"
down_revision = "4f9a2b7c1d35"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Grant and index."""
    op.execute("grant delete on job_run to trace59_app")
    op.create_index("ix_job_run_due_at", "job_run", ["due_at"])
    op.create_index("ix_warning_end", "warning", ["establishment_id", "valid_until"])


def downgrade() -> None:
    """Undo both."""
    op.drop_index("ix_warning_end", table_name="warning")
    op.drop_index("ix_job_run_due_at", table_name="job_run")
    op.execute("revoke delete on job_run from trace59_app")
