"""Equipment and software stay in service after a use: several uses of one unit, each with its number.

Units of these kinds that a use had ended are back where they were; a dated movement says so.

Revision ID: a7d3c91e5f08
Revises: 5a7c19e2d0b8
Create Date: 2026-11-26 01:50
"""

import sqlalchemy as sa
from alembic import op

revision = "a7d3c91e5f08"
down_revision = "5a7c19e2d0b8"
branch_labels = None
depends_on = None

EVENTS = ("REC", "NRE", "ESD", "SSD", "DEL", "POS", "ECH", "NCO", "PER", "REA", "ANR")
ADDED = "UTI"
ENDED = (
    " from device join device_definition definition on definition.id = device.definition_id"
    " where device.state = 'used' and definition.kind in ('software', 'equipment')"
)


def upgrade() -> None:
    """Widen what is stored, then bring back what a use had ended."""
    set_events((*EVENTS, ADDED))
    op.add_column("device_use", sa.Column("ordinal", sa.Integer(), nullable=False, server_default="1"))
    op.alter_column("device_use", "ordinal", server_default=None)
    op.drop_constraint(op.f("uq_device_use_device_id"), "device_use", type_="unique")
    op.create_unique_constraint(op.f("uq_device_use_device_id_ordinal"), "device_use", ["device_id", "ordinal"])
    back = "case when device.ward_id is null then 'released' else 'delivered' end"
    op.execute(
        "insert into movement (id, establishment_id, device_id, event, state_after, at, actor_id, actor_name, reason,"
        f" details) select gen_random_uuid(), device.establishment_id, device.id, '{ADDED}', {back}, now(),"
        " '00000000-0000-0000-0000-000000000000', 'Trace59', 'stays-in-service', '{}'" + ENDED
    )
    op.execute(f"update device set state = {back} where id in (select device.id{ENDED})")


def set_events(events: tuple[str, ...]) -> None:
    """Set the list of events that may be stored."""
    op.drop_constraint(op.f("ck_movement_event"), "movement", type_="check")
    codes = ", ".join(f"'{code}'" for code in events)
    op.create_check_constraint(op.f("ck_movement_event"), "movement", f"event in ({codes})")


def downgrade() -> None:
    """Narrow it again; refused by the database itself once a unit was used in service."""
    op.drop_constraint(op.f("uq_device_use_device_id_ordinal"), "device_use", type_="unique")
    op.create_unique_constraint(op.f("uq_device_use_device_id"), "device_use", ["device_id"])
    op.drop_column("device_use", "ordinal")
    set_events(EVENTS)
