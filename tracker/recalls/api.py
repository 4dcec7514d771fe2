"""Recalls for programs."""

from datetime import date
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.devices.rules import UnitState
from tracker.recalls import service
from tracker.recalls.queries import RecalledUnit

api = APIBlueprint(
    "recalls_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="vigilance")], abp_security=[{"token": []}]
)


class RecallQuestion(BaseModel):
    """Which lot."""

    lot: str = Field(min_length=1, max_length=100)
    definition: UUID | None = Field(default=None, description="Of the catalogue, where several devices share the lot")


class RecalledUnitAnswer(BaseModel):
    """One unit of the lot."""

    unit_number: str
    definition_id: UUID
    reference: str
    designation: str
    manufacturer: str
    serial_number: str | None
    expiration_date: date | None
    state: UnitState
    open_hold_count: int
    ward: str | None
    use_id: UUID | None
    used_on: date | None
    patient_id: UUID | None


class RecalledUseAnswer(BaseModel):
    """One use of a unit of the lot."""

    use_id: UUID
    unit_number: str
    used_on: date
    explanted_on: date | None = Field(description="Day on which it was taken out again; null while it is carried")
    patient_id: UUID


class RecallAnswer(BaseModel):
    """Where the units of a lot are, and who carries them."""

    lot: str
    is_lot_held: bool
    usable_count: int = Field(description="Units that nothing stops somebody from using")
    patient_count: int = Field(description="Patients who carry a unit, or for whom one was used; not the explanted")
    units: list[RecalledUnitAnswer] = Field(description="Each unit once, with its last use")
    uses: list[RecalledUseAnswer] = Field(description="Every use, latest first: equipment and software have several")


@api.get("/recalls", summary="Find a lot", responses={200: RecallAnswer})
@http.requires(Permission.RECALL_READ)
def recall(query: RecallQuestion) -> dict[str, object]:
    """Say where each unit of a lot is and which patients carry one; patients by id, without their traits."""
    with http.transaction() as session:
        view = service.recall_lot(
            session,
            lot_number=query.lot,
            definition_id=query.definition,
            actor=http.current_actor(),
            now=clock.utc_now(),
        )
    answer = RecallAnswer(
        lot=view.lot_number,
        is_lot_held=view.lot_hold_count > 0,
        usable_count=view.usable_count,
        patient_count=len({unit.patient.id for unit in view.carriers if unit.patient}),
        units=[_unit(unit) for unit in view.units],
        uses=[_use(line) for line in view.uses],
    )
    return answer.model_dump(mode="json")


def _use(line: RecalledUnit) -> RecalledUseAnswer:
    days = {"used_on": line.used_on, "explanted_on": line.explanted_on}
    patient_id = line.patient.id if line.patient else None
    told = {"use_id": line.use_id, "unit_number": line.number, "patient_id": patient_id, **days}
    return RecalledUseAnswer.model_validate(told)


def _unit(unit: RecalledUnit) -> RecalledUnitAnswer:
    return RecalledUnitAnswer(
        unit_number=unit.number,
        definition_id=unit.definition_id,
        reference=unit.reference,
        designation=unit.designation,
        manufacturer=unit.manufacturer_name,
        serial_number=unit.serial_number,
        expiration_date=unit.expiration_date,
        state=unit.state,
        open_hold_count=unit.open_hold_count,
        ward=unit.ward_name,
        use_id=unit.use_id,
        used_on=unit.used_on,
        patient_id=unit.patient.id if unit.patient else None,
    )
