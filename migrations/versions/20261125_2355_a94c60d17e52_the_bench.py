"""Scans taken back, clinicians' written reasons, and what the verdict may ask beyond its own room.

A receipt that was a mistake leads a unit to the state ``voided`` by the event ``ANR``; its serial number is free again.
A function answers what the verdict needs and may not read by itself: whether another establishment has a serial number
(docs/decisions/0021).

Revision ID: a94c60d17e52
Revises: b4d07f3e6c19
Create Date: 2026-11-25 23:55
"""

import sqlalchemy as sa
from alembic import op

revision = "a94c60d17e52"
down_revision = "b4d07f3e6c19"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
TABLES = ("clinical_reason", "reception_correction")
STATES = (
    "quarantined", "released", "delivered", "used", "failed", "returned", "nonconforming", "expired", "destroyed",
)  # fmt: skip
EVENTS = ("REC", "NRE", "ESD", "SSD", "DEL", "POS", "ECH", "NCO", "PER", "REA")
CHECKS = (
    ("device", "unit_state", "state", STATES, "voided"),
    ("movement", "unit_state", "state_after", STATES, "voided"),
    ("movement", "event", "event", EVENTS, "ANR"),
)


def upgrade() -> None:
    """Widen what is stored, make the tables, then the function."""
    for table, name, column, values, added in CHECKS:
        set_check(table, name, column=column, values=(*values, added))
    op.drop_index("uq_device_serial", table_name="device")
    make_serial_index("serial_number is not null and state <> 'voided'")
    op.create_index(
        "ix_device_serial_number", "device", ["serial_number"], postgresql_where=sa.text("serial_number is not null")
    )
    create_tables()
    close_tables()
    create_function()


def downgrade() -> None:
    """Undo all of it; it fails where a unit was voided, whose state the older program does not know."""
    op.execute("drop function serial_known_elsewhere(uuid, text)")
    for table in TABLES:
        op.drop_table(table)
    op.drop_index("ix_device_serial_number", table_name="device")
    op.drop_index("uq_device_serial", table_name="device")
    make_serial_index("serial_number is not null")
    for table, name, column, values, _added in CHECKS:
        set_check(table, name, column=column, values=values)


def set_check(table: str, name: str, *, column: str, values: tuple[str, ...]) -> None:
    """Let a column hold these values and no others."""
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    listed = ", ".join(f"'{value}'" for value in values)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} in ({listed})")


def make_serial_index(condition: str) -> None:
    """Allow a serial number once per definition among the units that the condition names."""
    columns = ["establishment_id", "serial_number", "definition_id"]
    op.create_index("uq_device_serial", "device", columns, unique=True, postgresql_where=sa.text(condition))


def create_tables() -> None:
    """Make the two tables."""
    op.create_table(
        "reception_correction",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        *tenant_columns("reception_correction"),
        sa.ForeignKeyConstraint(["line_id"], ["reception_line.id"], name=op.f("fk_reception_correction_line_id")),
        sa.UniqueConstraint("line_id", name=op.f("uq_reception_correction_line_id")),
    )
    op.create_table(
        "clinical_reason",
        sa.Column("reception_id", sa.Uuid(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_name", sa.Text(), nullable=False),
        sa.Column("written_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        *tenant_columns("clinical_reason"),
        sa.ForeignKeyConstraint(["reception_id"], ["reception.id"], name=op.f("fk_clinical_reason_reception_id")),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_clinical_reason_derogation_id")),
    )
    op.create_index("ix_clinical_reason_reception_id", "clinical_reason", ["reception_id", "derogation_id"])


def tenant_columns(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns and keys of every table of an establishment."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f(f"fk_{table}_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def close_tables() -> None:
    """Close the tables to other establishments and to rewriting."""
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in TABLES:
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


def create_function() -> None:
    """Make the question that the verdict may ask of other establishments."""
    op.execute(
        """
        create function serial_known_elsewhere(asked_definition uuid, asked_serial text) returns boolean
        language sql stable strict security definer set search_path = pg_catalog, public, pg_temp as $$
            select exists (
                select 1
                from device_definition ours
                join manufacturer our_maker on our_maker.id = ours.manufacturer_id
                join device unit on unit.serial_number = asked_serial
                join device_definition theirs on theirs.id = unit.definition_id
                join manufacturer their_maker on their_maker.id = theirs.manufacturer_id
                where ours.id = asked_definition
                  and ours.establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid
                  and unit.establishment_id <> ours.establishment_id
                  and unit.state not in ('returned', 'destroyed', 'voided')
                  and (
                      (lower(their_maker.name) = lower(our_maker.name) and theirs.reference = ours.reference)
                      or exists (
                          select 1
                          from definition_identifier our_code
                          join definition_identifier their_code on their_code.value = our_code.value
                          where our_code.definition_id = ours.id and our_code.kind = 'udi_di'
                            and their_code.definition_id = theirs.id and their_code.kind = 'udi_di'
                      )
                  )
            )
        $$
        """
    )
    op.execute("revoke all on function serial_known_elsewhere(uuid, text) from public")
    op.execute(f"grant execute on function serial_known_elsewhere(uuid, text) to {APP_ROLE}")
