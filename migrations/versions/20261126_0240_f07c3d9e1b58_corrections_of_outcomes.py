"""A failed implantation or an explantation entered wrongly is corrected by a new fact that names it.

Revision ID: f07c3d9e1b58
Revises: e94c1b7f5a20
Create Date: 2026-11-26 02:40
"""

import sqlalchemy as sa
from alembic import op

revision = "f07c3d9e1b58"
down_revision = "e94c1b7f5a20"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
RECORDS = ("failure", "explantation")


def upgrade() -> None:
    """Number the records of each unit; make the tables of what corrected them."""
    for record in RECORDS:
        op.add_column(record, sa.Column("ordinal", sa.Integer(), nullable=False, server_default="1"))
        op.alter_column(record, "ordinal", server_default=None)
        op.drop_constraint(op.f(f"uq_{record}_device_id"), record, type_="unique")
        op.create_unique_constraint(op.f(f"uq_{record}_device_id_ordinal"), record, ["device_id", "ordinal"])
        _create_corrections(f"{record}_correction", record)


def _create_corrections(table: str, record: str) -> None:
    op.create_table(
        table,
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("replacement_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], [f"{record}.id"], name=op.f(f"fk_{table}_record_id")),
        sa.ForeignKeyConstraint(["replacement_id"], [f"{record}.id"], name=op.f(f"fk_{table}_replacement_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f(f"fk_{table}_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("record_id", name=op.f(f"uq_{table}_record_id")),
        sa.UniqueConstraint("replacement_id", name=op.f(f"uq_{table}_replacement_id")),
    )
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
    for when, name, scope in (("update or delete", "append_only", "row"), ("truncate", "no_truncate", "statement")):
        op.execute(
            f"create trigger {table}_{name} before {when} on {table} for each {scope} execute function refuse_rewrite()"
        )
    op.execute(f"grant select, insert on {table} to {APP_ROLE}")


def downgrade() -> None:
    """Remove them; refused by the database itself once a record of a unit was corrected by another."""
    for record in RECORDS:
        op.drop_table(f"{record}_correction")
        op.drop_constraint(op.f(f"uq_{record}_device_id_ordinal"), record, type_="unique")
        op.create_unique_constraint(op.f(f"uq_{record}_device_id"), record, ["device_id"])
        op.drop_column(record, "ordinal")
