"""The first tables of every room, row-level security, and the refusal to rewrite the trail.

Row-level security: a row is visible to the program's role only inside a transaction that names its establishment
(``trace59.establishment_id``). The tables of log-in are also visible to a transaction that is authenticating
(``trace59.access``), because a session cookie is known before the establishment is.

Append-only tables: the program's role has no UPDATE or DELETE on them, and a trigger refuses both to everybody else,
the owner included. Nothing is ever deleted by the program's role.

Revision ID: 5f3a1c0b7d21
Revises:
Create Date: 2026-11-22 06:20
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "5f3a1c0b7d21"
down_revision = None
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"

LOGIN_TABLES = ("person", "login_session", "api_token")
TENANT_TABLES = (
    "api_token",
    "audit_entry",
    "audit_head",
    "consent_event",
    "definition_identifier",
    "derogation",
    "derogation_decision",
    "derogation_scope_entry",
    "device",
    "device_definition",
    "device_use",
    "document",
    "hold",
    "incident",
    "incident_report",
    "label_print",
    "login_session",
    "lot_hold",
    "manufacturer",
    "message",
    "message_attachment",
    "message_attempt",
    "movement",
    "notice",
    "patient",
    "person",
    "reception",
    "reception_line",
    "recipient",
    "ward",
    "warning",
)
APPEND_ONLY_TABLES = (
    "audit_entry",
    "consent_event",
    "derogation",
    "derogation_decision",
    "derogation_scope_entry",
    "device_use",
    "document",
    "incident",
    "incident_report",
    "label_print",
    "message_attachment",
    "message_attempt",
    "movement",
    "notice",
    "reception_line",
    "warning",
)
ONCE_CLOSED_TABLES = ("hold", "lot_hold")
SEQUENCES = ("unit_number_seq", "reception_number_seq", "incident_number_seq")
SHARED_TABLES = ("establishment", "job_run", "login_failure")


def upgrade() -> None:
    """Make the tables, then bind the program's role."""
    for sequence in SEQUENCES:
        op.execute(f"create sequence {sequence}")
    create_tables()
    refuse_rewriting()
    isolate_establishments()
    grant_to_program()


def refuse_rewriting() -> None:
    """Give the append-only tables the trigger that refuses, and the holds the one that lets them close once."""
    op.execute(
        """
        create function refuse_rewrite() returns trigger language plpgsql as $$
        begin
            raise exception 'table % is append-only: % refused', tg_table_name, tg_op using errcode = 'TR001';
        end $$
        """
    )
    op.execute(
        """
        create function close_once() returns trigger language plpgsql as $$
        begin
            if old.closed_at is not null
               or (to_jsonb(new) - 'closed_at' - 'closed_by_id' - 'closed_by_name' - 'close_reason')
                  is distinct from
                  (to_jsonb(old) - 'closed_at' - 'closed_by_id' - 'closed_by_name' - 'close_reason') then
                raise exception 'table % is closed once and never rewritten', tg_table_name using errcode = 'TR001';
            end if;
            return new;
        end $$
        """
    )
    for table in APPEND_ONLY_TABLES:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function refuse_rewrite()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function refuse_rewrite()"
        )
    for table in ONCE_CLOSED_TABLES:
        op.execute(
            f"create trigger {table}_close_once before update on {table} for each row execute function close_once()"
        )
        op.execute(
            f"create trigger {table}_no_delete before delete on {table} for each row execute function refuse_rewrite()"
        )


def isolate_establishments() -> None:
    """Turn row-level security on for every table of an establishment."""
    here = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
    authenticating = "current_setting('trace59.access', true) = 'authentication'"
    for table in TENANT_TABLES:
        condition = f"{here} or {authenticating}" if table in LOGIN_TABLES else here
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_establishment on {table} using ({condition}) with check ({condition})")


def grant_to_program() -> None:
    """Give the program's role what it needs and no more: it deletes nothing and rewrites no fact."""
    op.execute(f"grant usage on schema public to {APP_ROLE}")
    for table in (*TENANT_TABLES, *SHARED_TABLES):
        rights = "select, insert" if table in APPEND_ONLY_TABLES else "select, insert, update"
        op.execute(f"grant {rights} on {table} to {APP_ROLE}")
    op.execute(f"grant delete on login_failure to {APP_ROLE}")
    op.execute(f"grant usage on all sequences in schema public to {APP_ROLE}")
    op.execute(f"grant select on alembic_version to {APP_ROLE}")


def create_tables() -> None:
    """Make every table of the first version."""
    op.create_table(
        "audit_entry",
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "sequence", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint(
            "establishment_id", "previous_hash", name=op.f("uq_audit_entry_establishment_id_previous_hash")
        ),
    )
    op.create_index("ix_audit_entry_subject", "audit_entry", ["establishment_id", "subject", "sequence"], unique=False)
    op.create_table(
        "establishment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("finess", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_establishment")),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_count", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        sa.UniqueConstraint("job_id", "due_at", name=op.f("uq_job_run_job_id_due_at")),
    )
    op.create_table(
        "login_failure",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("email_key", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failure")),
    )
    op.create_index("ix_login_failure_email_key", "login_failure", ["email_key", "at"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_audit_head_establishment_id")
        ),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "document",
        sa.Column(
            "kind",
            sa.Enum(
                "decision",
                "notice",
                "consent",
                "patient_document",
                "implant_card",
                "report_ansm",
                "report_manufacturer",
                "label",
                "photo",
                name="document_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("has_patient_data", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_document_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    op.create_index("ix_document_subject", "document", ["establishment_id", "subject"], unique=False)
    op.create_table(
        "manufacturer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("vigilance_email", sa.Text(), nullable=False),
        sa.Column("srn", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_manufacturer_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturer")),
        sa.UniqueConstraint("establishment_id", "name", name=op.f("uq_manufacturer_establishment_id_name")),
    )
    op.create_table(
        "message",
        sa.Column(
            "kind",
            sa.Enum(
                "derogation_warning",
                "report_ansm",
                "report_manufacturer",
                name="message_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued", "sent", "failed", "cancelled", name="message_state", native_enum=False, create_constraint=True
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_message_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "establishment_id", "idempotency_key", name=op.f("uq_message_establishment_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_message_due", "message", ["next_attempt_at"], unique=False, postgresql_where=sa.text("state = 'queued'")
    )
    op.create_index("ix_message_list", "message", ["establishment_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_message_failed",
        "message",
        ["establishment_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index("ix_message_subject_ref", "message", ["establishment_id", "subject_ref"], unique=False)
    op.create_table(
        "patient",
        sa.Column("sealed_traits", sa.LargeBinary(), nullable=False),
        sa.Column("ipp_key", sa.LargeBinary(), nullable=False),
        sa.Column("ins_key", sa.LargeBinary(), nullable=True),
        sa.Column("traits_key", sa.LargeBinary(), nullable=False),
        sa.Column("name_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "identity_status",
            sa.Enum("PROV", "VALI", "RECUP", "QUAL", name="identity_status", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_patient_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("establishment_id", "ins_key", name=op.f("uq_patient_establishment_id_ins_key")),
        sa.UniqueConstraint("establishment_id", "ipp_key", name=op.f("uq_patient_establishment_id_ipp_key")),
    )
    op.create_index("ix_patient_name_key", "patient", ["establishment_id", "name_key"], unique=False)
    op.create_index("ix_patient_traits_key", "patient", ["establishment_id", "traits_key"], unique=False)
    op.create_table(
        "person",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("rpps", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_person_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "reception",
        sa.Column("number", sa.BigInteger(), server_default=sa.text("nextval('reception_number_seq')"), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("delivery_note", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_reception_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reception")),
        sa.UniqueConstraint("number", name=op.f("uq_reception_number")),
    )
    op.create_index("ix_reception_list", "reception", ["establishment_id", "number"], unique=False)
    op.create_table(
        "recipient",
        sa.Column(
            "purpose",
            sa.Enum("derogation_warning", name="recipient_purpose", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_recipient_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient")),
        sa.UniqueConstraint(
            "establishment_id", "purpose", "email", name=op.f("uq_recipient_establishment_id_purpose_email")
        ),
    )
    op.create_table(
        "ward",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_ward_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ward")),
        sa.UniqueConstraint("establishment_id", "code", name=op.f("uq_ward_establishment_id_code")),
    )
    op.create_table(
        "api_token",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_api_token_establishment_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index("ix_api_token_person_id", "api_token", ["person_id"], unique=False)
    op.create_table(
        "derogation",
        sa.Column(
            "kind",
            sa.Enum(
                "individual",
                "global",
                "partial_revision",
                "ivd",
                name="derogation_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "domain",
            sa.Enum("joint", "dental", "other", name="domain", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("manufacturer_id", sa.Uuid(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("partial_revision_only", sa.Boolean(), nullable=False),
        sa.Column("implanted_system", sa.Text(), nullable=False),
        sa.Column("scope_text", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_fictional", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_derogation_establishment_id")
        ),
        sa.ForeignKeyConstraint(["manufacturer_id"], ["manufacturer.id"], name=op.f("fk_derogation_manufacturer_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_derogation_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derogation")),
    )
    op.create_index(
        "ix_derogation_manufacturer_id", "derogation", ["establishment_id", "manufacturer_id"], unique=False
    )
    op.create_index("ix_derogation_patient_id", "derogation", ["patient_id"], unique=False)
    op.create_table(
        "device_definition",
        sa.Column("manufacturer_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "implant",
                "consumable",
                "software",
                "ivd",
                "equipment",
                name="device_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("expected_lifetime", sa.Text(), nullable=False),
        sa.Column("follow_up", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_device_definition_establishment_id")
        ),
        sa.ForeignKeyConstraint(
            ["manufacturer_id"], ["manufacturer.id"], name=op.f("fk_device_definition_manufacturer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_definition")),
        sa.UniqueConstraint(
            "establishment_id",
            "manufacturer_id",
            "reference",
            name=op.f("uq_device_definition_establishment_id_manufacturer_id_reference"),
        ),
    )
    op.create_table(
        "login_session",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_login_session_establishment_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_login_session_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    op.create_index("ix_login_session_person_id", "login_session", ["person_id"], unique=False)
    op.create_table(
        "message_attachment",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_message_attachment_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_message_attachment_establishment_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_attachment_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attachment")),
        sa.UniqueConstraint("message_id", "position", name=op.f("uq_message_attachment_message_id_position")),
    )
    op.create_table(
        "message_attempt",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_message_attempt_establishment_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_attempt_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attempt")),
    )
    op.create_index("ix_message_attempt_message_id", "message_attempt", ["message_id"], unique=False)
    op.create_table(
        "definition_identifier",
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("udi_di", "reference", name="identifier_kind", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["device_definition.id"], name=op.f("fk_definition_identifier_definition_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_definition_identifier_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition_identifier")),
        sa.UniqueConstraint(
            "definition_id", "kind", "value", name=op.f("uq_definition_identifier_definition_id_kind_value")
        ),
    )
    op.create_index(
        "ix_definition_identifier_value", "definition_identifier", ["establishment_id", "value"], unique=False
    )
    op.create_table(
        "derogation_decision",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "granted",
                "extended",
                "refused",
                "suspended",
                "reinstated",
                "withdrawn",
                "scope_changed",
                "conditions_changed",
                name="decision_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("patient_cap", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["derogation_decision.id"], name=op.f("fk_derogation_decision_corrects_id")
        ),
        sa.ForeignKeyConstraint(
            ["derogation_id"], ["derogation.id"], name=op.f("fk_derogation_decision_derogation_id")
        ),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_derogation_decision_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_derogation_decision_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derogation_decision")),
    )
    op.create_index("ix_derogation_decision_derogation_id", "derogation_decision", ["derogation_id"], unique=False)
    op.create_table(
        "derogation_scope_entry",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "change",
            sa.Enum("added", "removed", name="scope_change_kind", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["derogation_id"], ["derogation.id"], name=op.f("fk_derogation_scope_entry_derogation_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_derogation_scope_entry_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derogation_scope_entry")),
    )
    op.create_index(
        "ix_derogation_scope_entry_derogation_id", "derogation_scope_entry", ["derogation_id"], unique=False
    )
    op.create_index(
        "ix_derogation_scope_entry_reference", "derogation_scope_entry", ["establishment_id", "reference"], unique=False
    )
    op.create_table(
        "device",
        sa.Column("sequence", sa.BigInteger(), server_default=sa.text("nextval('unit_number_seq')"), nullable=False),
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("expiration_date", sa.Date(), nullable=True),
        sa.Column("manufacture_date", sa.Date(), nullable=True),
        sa.Column("software_version", sa.Text(), nullable=True),
        sa.Column("udi_di", sa.Text(), nullable=True),
        sa.Column("raw_scan", sa.LargeBinary(), nullable=True),
        sa.Column(
            "entry_method",
            sa.Enum("scanned", "photo", "manual", name="entry_method", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "quarantined",
                "released",
                "delivered",
                "used",
                "failed",
                "returned",
                "nonconforming",
                "expired",
                "destroyed",
                name="unit_state",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["definition_id"], ["device_definition.id"], name=op.f("fk_device_definition_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_device_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("sequence", name=op.f("uq_device_sequence")),
    )
    op.create_index("ix_device_definition", "device", ["establishment_id", "definition_id", "sequence"], unique=False)
    op.create_index("ix_device_list", "device", ["establishment_id", "sequence"], unique=False)
    op.create_index("ix_device_lot", "device", ["establishment_id", "lot_number", "definition_id"], unique=False)
    op.create_index("ix_device_state", "device", ["establishment_id", "state", "sequence"], unique=False)
    op.create_index(
        "uq_device_serial",
        "device",
        ["establishment_id", "serial_number", "definition_id"],
        unique=True,
        postgresql_where=sa.text("serial_number is not null"),
    )
    op.create_table(
        "lot_hold",
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "verdict",
                "incident",
                "recall",
                "derogation",
                "pharmacist",
                name="hold_cause",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["definition_id"], ["device_definition.id"], name=op.f("fk_lot_hold_definition_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_lot_hold_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_hold")),
    )
    op.create_index("ix_lot_hold_open", "lot_hold", ["establishment_id", "definition_id", "lot_number"], unique=False)
    op.create_table(
        "notice",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("texts", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_notice_derogation_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_notice_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "establishment_id",
            "derogation_id",
            "version",
            name=op.f("uq_notice_establishment_id_derogation_id_version"),
        ),
    )
    op.create_table(
        "warning",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("threshold_days", sa.Integer(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_warning_derogation_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_warning_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warning")),
        sa.UniqueConstraint(
            "derogation_id",
            "valid_until",
            "threshold_days",
            name=op.f("uq_warning_derogation_id_valid_until_threshold_days"),
        ),
    )
    op.create_table(
        "consent_event",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "informed",
                "obtained",
                "refused",
                "withdrawn",
                "emergency",
                name="consent_event_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("informed_by_id", sa.Uuid(), nullable=True),
        sa.Column("informed_by_name", sa.Text(), nullable=False),
        sa.Column(
            "signer_capacity",
            sa.Enum(
                "patient",
                "parental_authority",
                "guardian",
                "minor_alone",
                "trusted_person",
                "relative",
                name="signer_capacity",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=True,
        ),
        sa.Column("sealed_signer_name", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_consent_event_derogation_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_consent_event_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_consent_event_establishment_id")
        ),
        sa.ForeignKeyConstraint(["informed_by_id"], ["person.id"], name=op.f("fk_consent_event_informed_by_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_consent_event_notice_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_event_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
    )
    op.create_index("ix_consent_event_patient_id", "consent_event", ["patient_id", "derogation_id", "at"], unique=False)
    op.create_table(
        "hold",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "verdict",
                "incident",
                "recall",
                "derogation",
                "pharmacist",
                name="hold_cause",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source_ref", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by_name", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("closed_by_name", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_hold_device_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_hold_establishment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index("ix_hold_device_id", "hold", ["device_id"], unique=False)
    op.create_index("ix_hold_open", "hold", ["device_id"], unique=False, postgresql_where=sa.text("closed_at is null"))
    op.create_table(
        "label_print",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_label_print_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_label_print_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_print")),
    )
    op.create_index("ix_label_print_device_id", "label_print", ["device_id"], unique=False)
    op.create_table(
        "movement",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "REC",
                "NRE",
                "ESD",
                "SSD",
                "DEL",
                "POS",
                "ECH",
                "NCO",
                "PER",
                "REA",
                name="event",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "state_after",
            sa.Enum(
                "quarantined",
                "released",
                "delivered",
                "used",
                "failed",
                "returned",
                "nonconforming",
                "expired",
                "destroyed",
                name="unit_state",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("ward_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_movement_device_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_movement_establishment_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_movement_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
    )
    op.create_index("ix_movement_device_id", "movement", ["device_id", "at"], unique=False)
    op.create_table(
        "reception_line",
        sa.Column("reception_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("definition_id", sa.Uuid(), nullable=True),
        sa.Column("derogation_id", sa.Uuid(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum("accepted", "quarantined", "refused", name="outcome", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column(
            "entry_method",
            sa.Enum("scanned", "photo", "manual", name="entry_method", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("raw_scan", sa.LargeBinary(), nullable=True),
        sa.Column("lot_number", sa.Text(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("expiration_date", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["device_definition.id"], name=op.f("fk_reception_line_definition_id")
        ),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_reception_line_derogation_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_reception_line_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_reception_line_establishment_id")
        ),
        sa.ForeignKeyConstraint(["reception_id"], ["reception.id"], name=op.f("fk_reception_line_reception_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reception_line")),
    )
    op.create_index("ix_reception_line_device_id", "reception_line", ["device_id"], unique=False)
    op.create_index("ix_reception_line_reception_id", "reception_line", ["reception_id", "at"], unique=False)
    op.create_table(
        "device_use",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("consent_event_id", sa.Uuid(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("ward_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum("left", "right", "not_applicable", name="side", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column(
            "intervention",
            sa.Enum(
                "partial_revision",
                "first_implantation",
                "complete_replacement",
                "other",
                name="intervention",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("implanted_system", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_event_id"], ["consent_event.id"], name=op.f("fk_device_use_consent_event_id")
        ),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_device_use_derogation_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_use_device_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_device_use_establishment_id")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["person.id"], name=op.f("fk_device_use_operator_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_device_use_patient_id")),
        sa.ForeignKeyConstraint(["ward_id"], ["ward.id"], name=op.f("fk_device_use_ward_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_use")),
        sa.UniqueConstraint("device_id", name=op.f("uq_device_use_device_id")),
    )
    op.create_index("ix_device_use_derogation_id", "device_use", ["derogation_id", "patient_id"], unique=False)
    op.create_index("ix_device_use_list", "device_use", ["establishment_id", "used_on", "id"], unique=False)
    op.create_index("ix_device_use_patient_id", "device_use", ["patient_id"], unique=False)
    op.create_table(
        "incident",
        sa.Column("number", sa.BigInteger(), server_default=sa.text("nextval('incident_number_seq')"), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("detected_on", sa.Date(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("consequences", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("sealed_narrative", sa.LargeBinary(), nullable=False),
        sa.Column(
            "device_place",
            sa.Enum(
                "in_patient",
                "pharmacy",
                "ward",
                "returned",
                "destroyed",
                name="device_place",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("is_device_kept", sa.Boolean(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_by_id", sa.Uuid(), nullable=False),
        sa.Column("declared_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["declared_by_id"], ["person.id"], name=op.f("fk_incident_declared_by_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_incident_device_id")),
        sa.ForeignKeyConstraint(["establishment_id"], ["establishment.id"], name=op.f("fk_incident_establishment_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_incident_patient_id")),
        sa.ForeignKeyConstraint(["use_id"], ["device_use.id"], name=op.f("fk_incident_use_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("number", name=op.f("uq_incident_number")),
    )
    op.create_index("ix_incident_device_id", "incident", ["device_id"], unique=False)
    op.create_index("ix_incident_list", "incident", ["establishment_id", "number"], unique=False)
    op.create_table(
        "incident_report",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column(
            "recipient",
            sa.Enum("ansm", "manufacturer", name="report_recipient", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_incident_report_document_id")),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_incident_report_establishment_id")
        ),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_report_incident_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_incident_report_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_report")),
        sa.UniqueConstraint("incident_id", "recipient", name=op.f("uq_incident_report_incident_id_recipient")),
    )


def downgrade() -> None:
    """Remove everything."""
    op.drop_table("incident_report")
    op.drop_table("incident")
    op.drop_table("device_use")
    op.drop_table("reception_line")
    op.drop_table("movement")
    op.drop_table("label_print")
    op.drop_table("hold")
    op.drop_table("consent_event")
    op.drop_table("warning")
    op.drop_table("notice")
    op.drop_table("lot_hold")
    op.drop_table("device")
    op.drop_table("derogation_scope_entry")
    op.drop_table("derogation_decision")
    op.drop_table("definition_identifier")
    op.drop_table("message_attempt")
    op.drop_table("message_attachment")
    op.drop_table("login_session")
    op.drop_table("device_definition")
    op.drop_table("derogation")
    op.drop_table("api_token")
    op.drop_table("ward")
    op.drop_table("recipient")
    op.drop_table("reception")
    op.drop_table("person")
    op.drop_table("patient")
    op.drop_table("message")
    op.drop_table("manufacturer")
    op.drop_table("document")
    op.drop_table("audit_head")
    op.drop_table("login_failure")
    op.drop_table("job_run")
    op.drop_table("establishment")
    op.drop_table("audit_entry")
    op.execute("drop function refuse_rewrite()")
    op.execute("drop function close_once()")
    for sequence in SEQUENCES:
        op.execute(f"drop sequence {sequence}")
    op.execute(f"revoke all on alembic_version from {APP_ROLE}")
    op.execute(f"revoke usage on schema public from {APP_ROLE}")
