"""What suspensions and withdrawals did: the holds they set, the people told, and their end.

Of an effect only the counts and the end can be updated. Consents are found by derogation, holds by their cause.

Revision ID: 4f7a91c3e2d6
Revises: e1f4a6d09b37
Create Date: 2026-11-25 23:58
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "4f7a91c3e2d6"
down_revision = "e1f4a6d09b37"
branch_labels = None
depends_on = None

APP_ROLE = "trace59_app"
HERE = "establishment_id = nullif(current_setting('trace59.establishment_id', true), '')::uuid"
LATER = "held_count, told_count, lifted_at, lifted_by_name, lifted_count"


def upgrade() -> None:
    """Make the table and the indexes, allow the kind of message."""
    op.create_table(
        "derogation_effect",
        sa.Column("derogation_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by_name", sa.Text(), nullable=False),
        sa.Column("held_count", sa.Integer(), nullable=False),
        sa.Column("told_count", sa.Integer(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by_name", sa.Text(), nullable=True),
        sa.Column("lifted_count", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("establishment_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["derogation_id"], ["derogation.id"], name=op.f("fk_derogation_effect_derogation_id")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["derogation_decision.id"], name=op.f("fk_derogation_effect_decision_id")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id"], ["establishment.id"], name=op.f("fk_derogation_effect_establishment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derogation_effect")),
    )
    op.create_index("ix_derogation_effect_derogation_id", "derogation_effect", ["derogation_id", "applied_at"])
    op.create_index(
        "ix_derogation_effect_open",
        "derogation_effect",
        ["establishment_id"],
        postgresql_where=sa.text("lifted_at is null"),
    )
    op.create_index("ix_consent_event_derogation_id", "consent_event", ["derogation_id", "patient_id", "at"])
    op.create_index("ix_hold_derogation", "hold", ["source_ref"], postgresql_where=sa.text("cause = 'derogation'"))
    op.execute("alter table derogation_effect enable row level security")
    op.execute(f"create policy derogation_effect_establishment on derogation_effect using ({HERE}) with check ({HERE})")
    op.execute(f"grant select, insert on derogation_effect to {APP_ROLE}")
    op.execute(f"grant update ({LATER}) on derogation_effect to {APP_ROLE}")
    op.execute(
        "create trigger derogation_effect_no_delete before delete on derogation_effect"
        " for each row execute function refuse_rewrite()"
    )
    change_messages(added=("derogation_effect",))


def change_messages(*, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
    """Add kinds to those that a message may have, whatever these are by then, or take them away."""
    query = sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_message_message_kind'")
    present = re.findall(r"'([a-z_]+)'", op.get_bind().execute(query).scalar_one())
    kinds = [kind for kind in dict.fromkeys([*present, *added]) if kind not in removed]
    op.execute("alter table message drop constraint ck_message_message_kind")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"alter table message add constraint ck_message_message_kind check (kind in ({listed}))")


def downgrade() -> None:
    """Remove them; messages of the new kind must be gone."""
    change_messages(removed=("derogation_effect",))
    op.drop_index("ix_hold_derogation", "hold")
    op.drop_index("ix_consent_event_derogation_id", "consent_event")
    op.drop_table("derogation_effect")
