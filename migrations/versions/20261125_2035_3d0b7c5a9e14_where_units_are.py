"""Where a unit is, who blocked a lot, and the indexes of the stock's lists.

``device.ward_id`` stands beside the movements like ``device.state`` (docs/decisions/0009): it is filled from the last
delivery of the units that are with a ward. The names beside the blocks on lots are filled from the people's table.

Revision ID: 3d0b7c5a9e14
Revises: c5d81e7a40f6
Create Date: 2026-11-25 20:35
"""

import sqlalchemy as sa
from alembic import op

revision = "3d0b7c5a9e14"
down_revision = "c5d81e7a40f6"
branch_labels = None
depends_on = None

ON_HAND = "state in ('quarantined', 'released', 'delivered')"
INDEXES = (
    ("ix_device_ward", "device", ("establishment_id", "ward_id", "sequence"), "ward_id is not null"),
    (
        "ix_device_shelf_life",
        "device",
        ("establishment_id", "expiration_date", "sequence"),
        f"{ON_HAND} and expiration_date is not null",
    ),
    ("ix_device_on_hand", "device", ("establishment_id", "definition_id", "state"), ON_HAND),
    ("ix_hold_waiting", "hold", ("establishment_id", "opened_at", "id"), "closed_at is null"),
    ("ix_lot_hold_list", "lot_hold", ("establishment_id", "opened_at", "id"), None),
)


def upgrade() -> None:
    """Add the columns, fill them from what is recorded, then make the indexes."""
    op.add_column("device", sa.Column("ward_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_device_ward_id", "device", "ward", ["ward_id"], ["id"])
    op.execute(
        "update device set ward_id = (select m.ward_id from movement m"
        " where m.device_id = device.id and m.event = 'DEL' order by m.at desc, m.id desc limit 1)"
        " where state = 'delivered'"
    )
    op.add_column("lot_hold", sa.Column("opened_by_name", sa.Text(), nullable=False, server_default=""))
    op.add_column("lot_hold", sa.Column("closed_by_name", sa.Text(), nullable=True))
    name = "(select p.given_name || ' ' || p.family_name from person p where p.id = lot_hold.{})"
    op.execute("alter table lot_hold disable trigger lot_hold_close_once")
    op.execute(
        f"update lot_hold set opened_by_name = coalesce({name.format('opened_by_id')}, ''),"
        f" closed_by_name = {name.format('closed_by_id')}"
    )
    op.execute("alter table lot_hold enable trigger lot_hold_close_once")
    op.alter_column("lot_hold", "opened_by_name", server_default=None)
    for index, table, columns, condition in INDEXES:
        where = sa.text(condition) if condition else None
        op.create_index(index, table, list(columns), unique=False, postgresql_where=where)
    op.execute(
        "create index ix_device_definition_designation on device_definition"
        " (establishment_id, lower(designation) text_pattern_ops)"
    )


def downgrade() -> None:
    """Remove what was added."""
    op.drop_index("ix_device_definition_designation", table_name="device_definition")
    for index, table, _columns, _condition in reversed(INDEXES):
        op.drop_index(index, table_name=table)
    op.drop_column("lot_hold", "closed_by_name")
    op.drop_column("lot_hold", "opened_by_name")
    op.drop_constraint("fk_device_ward_id", "device", type_="foreignkey")
    op.drop_column("device", "ward_id")
