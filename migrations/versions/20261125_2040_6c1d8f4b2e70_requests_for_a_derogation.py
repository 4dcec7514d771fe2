"""Requests for a derogation: the request, each saving of its file, its events and its attachments.

Only what follows from the last event and the last saving can be updated in a request; the rest is appended. New kinds
of document and message join those that are allowed, whatever these are by then.

Revision ID: 6c1d8f4b2e70
Revises: c3a7e91d5b20
Create Date: 2026-11-25 20:40
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "6c1d8f4b2e70"
down_revision = "c3a7e91d5b20"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
APPENDED = ("derogation_request_revision", "derogation_request_event", "derogation_request_attachment")
FOLLOWING = "state, version, designation, moved_at, derogation_id"
KINDS = ("individual", "global", "partial_revision", "ivd")
STATES = ("drafting", "given", "filed", "granted", "refused", "abandoned")
EVENTS = ("opened", "signed", "given", "reopened", "filed", "granted", "refused", "abandoned", "reminded")
DOCUMENTS = ("request_attachment", "request_dossier", "recap")
MESSAGES = ("request_reminder",)


def upgrade() -> None:
    """Make the tables, bind the program's role, allow the new kinds."""
    op.execute("create sequence derogation_request_number_seq")
    make_requests()
    make_revisions()
    make_events()
    make_attachments()
    for table in ("derogation_request", *APPENDED):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({HERE}) with check ({HERE})")
        op.execute(f"grant select, insert on {table} to {APP_ROLE}")
    op.execute(f"grant update ({FOLLOWING}) on derogation_request to {APP_ROLE}")
    op.execute(f"grant usage on sequence derogation_request_number_seq to {APP_ROLE}")
    op.execute(
        "create trigger derogation_request_no_delete before delete on derogation_request"
        " for each row execute function refuse_rewrite()"
    )
    for table in APPENDED:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )
    change_codes("document", "document_kind", added=DOCUMENTS)
    change_codes("message", "message_kind", added=MESSAGES)


def change_codes(table: str, name: str, *, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
    """Add codes to those that the kind of a table allows, or take them away."""
    constraint = f"ck_{table}_{name}"
    query = sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = :name")
    present = re.findall(r"'([a-z_]+)'", op.get_bind().execute(query, {"name": constraint}).scalar_one())
    codes = [code for code in dict.fromkeys([*present, *added]) if code not in removed]
    op.execute(f"alter table {table} drop constraint {constraint}")
    listed = ", ".join(f"'{code}'" for code in codes)
    op.execute(f"alter table {table} add constraint {constraint} check (kind in ({listed}))")


def code(column: str, name: str, codes: tuple[str, ...]) -> sa.Column[str]:
    """Return a column of codes."""
    return sa.Column(column, sa.Enum(*codes, name=name, native_enum=False, create_constraint=True), nullable=False)


def who_and_when(at: str, by: str) -> list[sa.Column[object]]:
    """Return the columns of an instant and a person."""
    return [
        sa.Column(at, sa.DateTime(timezone=True), nullable=False),
        sa.Column(f"{by}_id", sa.Uuid(), nullable=False),
        sa.Column(f"{by}_name", sa.Text(), nullable=False),
    ]


def keys(table: str, *references: tuple[str, str]) -> list[sa.Column[object] | sa.schema.Constraint]:
    """Return the columns and constraints that every table has, with its own references."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
            for column, target in (*references, ("establishment_id", "establishment"))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def make_requests() -> None:
    """Make the table of requests."""
    op.create_table(
        "derogation_request",
        sa.Column(
            "number",
            sa.BigInteger(),
            server_default=sa.text("nextval('derogation_request_number_seq')"),
            nullable=False,
        ),
        code("kind", "derogation_kind", KINDS),
        code("state", "request_state", STATES),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        *who_and_when("opened_at", "opened_by"),
        *keys("derogation_request", ("derogation_id", "derogation")),
        sa.UniqueConstraint("number", name=op.f("uq_derogation_request_number")),
    )
    op.create_index("ix_derogation_request_list", "derogation_request", ["establishment_id", "number"])
    op.create_index(
        "ix_derogation_request_open",
        "derogation_request",
        ["establishment_id", "moved_at"],
        postgresql_where=sa.text("state in ('drafting', 'given', 'filed')"),
    )


def make_revisions() -> None:
    """Make the table of savings."""
    op.create_table(
        "derogation_request_revision",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed_file", sa.LargeBinary(), nullable=False),
        *who_and_when("saved_at", "saved_by"),
        *keys("derogation_request_revision", ("request_id", "derogation_request")),
        sa.UniqueConstraint("request_id", "version", name=op.f("uq_derogation_request_revision_request_id_version")),
    )


def make_events() -> None:
    """Make the table of events."""
    op.create_table(
        "derogation_request_event",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        code("kind", "request_event_kind", EVENTS),
        code("state_after", "request_state", STATES),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        *who_and_when("recorded_at", "recorded_by"),
        *keys("derogation_request_event", ("request_id", "derogation_request"), ("document_id", "document")),
    )
    op.create_index("ix_derogation_request_event_request_id", "derogation_request_event", ["request_id", "recorded_at"])


def make_attachments() -> None:
    """Make the table of attached documents."""
    op.create_table(
        "derogation_request_attachment",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_title", sa.LargeBinary(), nullable=False),
        sa.Column("names_patient", sa.Boolean(), nullable=False),
        *who_and_when("attached_at", "attached_by"),
        *keys("derogation_request_attachment", ("request_id", "derogation_request"), ("document_id", "document")),
    )
    op.create_index("ix_derogation_request_attachment_request_id", "derogation_request_attachment", ["request_id"])


def downgrade() -> None:
    """Remove the tables and the new kinds; a document or a message of such a kind stops it."""
    for table in (*reversed(APPENDED), "derogation_request"):
        op.drop_table(table)
    op.execute("drop sequence derogation_request_number_seq")
    change_codes("document", "document_kind", removed=DOCUMENTS)
    change_codes("message", "message_kind", removed=MESSAGES)
