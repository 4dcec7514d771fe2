"""Conditions, names, day of receipt and calendar of a derogation; patients counted; references bound to decisions.

A reference that a decision brought is bound to it, so that a correction of the decision takes the reference with it:
the rows written before are bound by their id, which was made from the decision's. Calendars of derogations entered
before are marked as never known: they are computed at each question until the next decision writes them.

Revision ID: 3b7e92d4c610
Revises: 3b7f0e52c9a4
Create Date: 2026-11-25 20:10
"""

from uuid import uuid5

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3b7e92d4c610"
down_revision = "3b7f0e52c9a4"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
APPEND_ONLY_TABLES = ("derogation_alias", "derogation_place")
NEVER = "9999-12-31"
FOLDED = "translate(lower({}), 'àâäçéèêëîïôöùûü', 'aaaceeeeiioouuu')"


def upgrade() -> None:
    """Add the columns and tables, then fill what follows from what is there."""
    add_columns()
    create_tables()
    bind()
    bind_references()
    fill_tables()


def add_columns() -> None:
    """Add the columns that letters and references lack."""
    op.add_column("derogation", sa.Column("sealed_pseudonym", sa.LargeBinary(), nullable=True))
    op.add_column("derogation_decision", sa.Column("received_on", sa.Date(), nullable=True))
    op.add_column("derogation_decision", sa.Column("conditions", postgresql.JSONB(none_as_null=True), nullable=True))
    op.create_index(
        "ix_derogation_decision_corrects_id",
        "derogation_decision",
        ["corrects_id"],
        unique=False,
        postgresql_where=sa.text("corrects_id is not null"),
    )
    op.add_column("derogation_scope_entry", sa.Column("decision_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_derogation_scope_entry_decision_id"),
        "derogation_scope_entry",
        "derogation_decision",
        ["decision_id"],
        ["id"],
    )
    op.add_column(
        "derogation_scope_entry",
        sa.Column("reference_key", sa.Text(collation="C"), sa.Computed("lower(reference)", persisted=True)),
    )
    op.alter_column("derogation_scope_entry", "reference_key", nullable=False)
    op.create_index(
        "ix_derogation_scope_entry_reference_key",
        "derogation_scope_entry",
        ["establishment_id", "reference_key"],
        unique=False,
    )


def create_tables() -> None:
    """Make the tables of names, calendars and counted patients."""
    op.create_table(
        "derogation_alias",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        *tenant_columns("derogation_alias"),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_derogation_alias_derogation_id")),
        sa.UniqueConstraint("derogation_id", "name", name=op.f("uq_derogation_alias_derogation_id_name")),
    )
    op.create_table(
        "derogation_calendar",
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=True),
        sa.Column("changes_on", postgresql.ARRAY(sa.Date()), nullable=False),
        sa.Column("standings", postgresql.JSONB(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        *tenant_columns("derogation_calendar"),
        sa.ForeignKeyConstraint(["id"], ["derogation.id"], name=op.f("fk_derogation_calendar_id")),
    )
    op.create_index(
        "ix_derogation_calendar_name_key", "derogation_calendar", ["establishment_id", "name_key", "id"], unique=False
    )
    op.create_table(
        "derogation_place",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        *tenant_columns("derogation_place"),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_derogation_place_derogation_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_derogation_place_patient_id")),
        sa.UniqueConstraint("derogation_id", "patient_id", name=op.f("uq_derogation_place_derogation_id_patient_id")),
    )


def tenant_columns(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns and constraints that every table of an establishment has."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f(f"fk_{table}_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def bind() -> None:
    """Close the new tables to other establishments and to rewriting."""
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    for table in (*APPEND_ONLY_TABLES, "derogation_calendar"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({here}) with check ({here})")
        rights = "select, insert" if table in APPEND_ONLY_TABLES else "select, insert, update"
        op.execute(f"grant {rights} on {table} to {APP_ROLE}")
    for table in APPEND_ONLY_TABLES:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )


def bind_references() -> None:
    """Name the decision that brought each reference; nothing that a person wrote is changed."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "select e.id, d.id as decision_id, e.change || ':' || e.reference as name from derogation_scope_entry e"
            " join derogation_decision d on d.derogation_id = e.derogation_id where e.reading = ''"
        )
    )
    bound = [
        {"entry": row.id, "decision": row.decision_id} for row in rows if uuid5(row.decision_id, row.name) == row.id
    ]
    op.execute("alter table derogation_scope_entry disable trigger derogation_scope_entry_append_only")
    if bound:
        statement = sa.text("update derogation_scope_entry set decision_id = :decision where id = :entry")
        connection.execute(statement, bound)
    op.execute("alter table derogation_scope_entry enable trigger derogation_scope_entry_append_only")


def fill_tables() -> None:
    """Count the patients of the use log, and mark every calendar as not yet computed."""
    op.execute(
        "insert into derogation_place (id, establishment_id, derogation_id, patient_id, recorded_at)"
        " select gen_random_uuid(), establishment_id, derogation_id, patient_id, min(recorded_at) from device_use"
        " group by establishment_id, derogation_id, patient_id"
    )
    name, words = (
        FOLDED.format("designation"),
        FOLDED.format("concat_ws(' ', designation, implanted_system, scope_text)"),
    )
    op.execute(
        "insert into derogation_calendar"
        " (id, establishment_id, known_at, begins_on, changes_on, standings, name_key, search_text)"
        f" select id, establishment_id, '{NEVER}', null, '{{}}', '[]', {name}, {words} from derogation"
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("derogation_place", "derogation_calendar", "derogation_alias"):
        op.drop_table(table)
    op.drop_index("ix_derogation_scope_entry_reference_key", table_name="derogation_scope_entry")
    op.drop_column("derogation_scope_entry", "reference_key")
    op.drop_constraint(op.f("fk_derogation_scope_entry_decision_id"), "derogation_scope_entry", type_="foreignkey")
    op.drop_column("derogation_scope_entry", "decision_id")
    op.drop_index("ix_derogation_decision_corrects_id", table_name="derogation_decision")
    op.drop_column("derogation_decision", "conditions")
    op.drop_column("derogation_decision", "received_on")
    op.drop_column("derogation", "sealed_pseudonym")
