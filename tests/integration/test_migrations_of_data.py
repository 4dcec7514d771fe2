"""Migrations that change what is stored: what they bring back, and when they refuse to go down again."""

import psycopg
import pytest
from alembic import command
from sqlalchemy.exc import IntegrityError

from tests.conftest import DatabaseMaker
from tests.hospital import CHARLIE, HOSPITAL_A, NOW
from tests.stock import make_definition, make_delivery, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.catalogue.rules import DeviceKind
from tracker.devices import service as devices
from tracker.devices.rules import Event
from tracker.maintenance import alembic_config, connection_string, find_problems, migrate

BEFORE_UNITS_IN_SERVICE, UNITS_IN_SERVICE = "5a7c19e2d0b8", "a7d3c91e5f08"


@pytest.fixture
def used(database: db.Database) -> dict[str, str]:
    """Units by what they are, each ended by a use as every unit was before units stayed in service."""
    numbers = {}
    with db.transaction(database, HOSPITAL_A) as session:
        maker = make_manufacturer(session)
        references = {kind: f"R-{kind.value}" for kind in DeviceKind}
        make_derogation(session, maker, references=tuple(references.values()))
        for kind, reference in references.items():
            definition_id = make_definition(session, reference=reference, udi_di=None, manufacturer_id=maker, kind=kind)
            for place in ("ward", "pharmacy"):
                unit = make_unit(session, definition_id)
                if place == "ward":
                    make_delivery(session, unit.number)
                devices.mark_used(session, unit.id, event=Event.IMPLANTATION, reason="", actor=CHARLIE, now=NOW)
                numbers[str(unit.id)] = f"{kind.value} {place}"
    return numbers


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(connection_string(url)) as connection:
        return connection.execute(query).fetchall()


def test_equipment_and_software_that_a_use_had_ended_are_back_where_they_were(
    make_database: DatabaseMaker, database_name: str, used: dict[str, str]
) -> None:
    url = make_database.owner_url(database_name)
    command.downgrade(alembic_config(url), BEFORE_UNITS_IN_SERVICE)
    before = rows(url, "select id, ward_id from device order by id")

    migrate(url)

    states = {used[str(id_)]: state for id_, state in rows(url, "select id, state from device")}
    assert {unit for unit, state in states.items() if state == "delivered"} == {"software ward", "equipment ward"}
    assert {unit for unit, state in states.items() if state == "released"} == {
        "software pharmacy",
        "equipment pharmacy",
    }
    assert [
        states[f"{kind} {place}"] for kind in ("implant", "consumable", "ivd") for place in ("ward", "pharmacy")
    ] == ["used"] * 6
    assert rows(url, "select id, ward_id from device order by id") == before
    told = rows(url, "select device_id, state_after, actor_name, reason from movement where event = 'UTI'")
    assert {(used[str(id_)], state) for id_, state, *_by in told} == {
        (unit, state) for unit, state in states.items() if unit.startswith(("software", "equipment"))
    }
    assert {tuple(by) for _id, _state, *by in told} == {("Trace59", "stays-in-service")}
    assert find_problems(make_database.app_url(database_name)) == []


def test_once_a_unit_was_used_in_service_there_is_no_way_back(
    make_database: DatabaseMaker, database_name: str, used: dict[str, str]
) -> None:
    url = make_database.owner_url(database_name)
    command.downgrade(alembic_config(url), BEFORE_UNITS_IN_SERVICE)
    migrate(url)

    with pytest.raises(IntegrityError, match="ck_movement_event"):
        command.downgrade(alembic_config(url), BEFORE_UNITS_IN_SERVICE)

    assert len(rows(url, "select id from movement where event = 'UTI'")) == 4
    assert rows(url, "select version_num from alembic_version") == [(UNITS_IN_SERVICE,)]
