"""The follow-up of incidents: what came back, complements, closing; two more kinds of messages, one of documents.

Revision ID: e41a6d09b7c5
Revises: 2e8c5a91d7f4
Create Date: 2026-11-25 22:00
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "e41a6d09b7c5"
down_revision = "2e8c5a91d7f4"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
ADDED = {
    ("message", "message_kind"): ("incident_copy", "vigilance_warning"),
    ("document", "document_kind"): ("incident_letter",),
}
KINDS = ("acknowledged", "answered", "device_placed", "closed", "reopened")
PLACES = ("in_patient", "pharmacy", "ward", "returned", "destroyed")


def upgrade() -> None:
    """Make the table of events, count the complements, widen the kinds."""
    make_events()
    op.add_column("incident_report", sa.Column("follow_up", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("incident_report", sa.Column("request_id", sa.Uuid(), nullable=True))
    op.drop_constraint("uq_incident_report_incident_id_recipient", "incident_report", type_="unique")
    op.create_unique_constraint(
        op.f("uq_incident_report_incident_id_recipient_follow_up"),
        "incident_report",
        ["incident_id", "recipient", "follow_up"],
    )
    op.create_unique_constraint(
        op.f("uq_incident_report_request_id_recipient"), "incident_report", ["request_id", "recipient"]
    )
    for (table, name), values in ADDED.items():
        restrict_kinds(table, name, (*kinds(table, name), *values))


def make_events() -> None:
    """Make the table, appended only and closed to other establishments."""
    op.create_table(
        "incident_event",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind", sa.Enum(*KINDS, name="event_kind", native_enum=False, create_constraint=True), nullable=False
        ),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column(
            "recipient",
            sa.Enum("ansm", "manufacturer", name="report_recipient", native_enum=False, create_constraint=True),
            nullable=True,
        ),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column(
            "device_place",
            sa.Enum(*PLACES, name="device_place", native_enum=False, create_constraint=True),
            nullable=True,
        ),
        sa.Column("is_device_kept", sa.Boolean(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_event_incident_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_incident_event_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_incident_event_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_event")),
    )
    op.create_index("ix_incident_event_incident_id", "incident_event", ["incident_id", "recorded_at"])
    op.execute("alter table incident_event enable row level security")
    op.execute(f"create policy incident_event_establishment on incident_event using ({HERE}) with check ({HERE})")
    op.execute(f"grant select, insert on incident_event to {APP_ROLE}")
    op.execute(
        "create trigger incident_event_append_only before update or delete on incident_event"
        " for each row execute function refuse_rewrite()"
    )
    op.execute(
        "create trigger incident_event_no_truncate before truncate on incident_event"
        " for each statement execute function refuse_rewrite()"
    )


def kinds(table: str, name: str) -> tuple[str, ...]:
    """Return the kinds that a table allows now: other migrations widen them too."""
    query = sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = :name")
    definition = op.get_bind().execute(query, {"name": f"ck_{table}_{name}"}).scalar_one()
    return tuple(re.findall(r"'(\w+)'", definition))


def restrict_kinds(table: str, name: str, allowed: tuple[str, ...]) -> None:
    """Let the kinds of a table be these and no others."""
    op.execute(f"alter table {table} drop constraint ck_{table}_{name}")
    op.execute(f"alter table {table} alter column kind type varchar({max(map(len, allowed))})")
    listed = ", ".join(f"'{kind}'" for kind in allowed)
    op.execute(f"alter table {table} add constraint ck_{table}_{name} check (kind in ({listed}))")


def downgrade() -> None:
    """Take everything back; it must hold nothing of the new kinds."""
    for (table, name), values in ADDED.items():
        restrict_kinds(table, name, tuple(kind for kind in kinds(table, name) if kind not in values))
    op.drop_constraint(op.f("uq_incident_report_request_id_recipient"), "incident_report", type_="unique")
    op.drop_constraint(op.f("uq_incident_report_incident_id_recipient_follow_up"), "incident_report", type_="unique")
    op.create_unique_constraint(
        "uq_incident_report_incident_id_recipient", "incident_report", ["incident_id", "recipient"]
    )
    op.drop_column("incident_report", "request_id")
    op.drop_column("incident_report", "follow_up")
    op.drop_table("incident_event")
