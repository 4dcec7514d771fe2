"""The simulator and the stopping decisions for programs."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.derogations.rules import DecisionKind, DerogationStatus
from tracker.derogations.service import NewDecision
from tracker.devices.rules import UnitState
from tracker.effects import queries, service
from tracker.effects.queries import Simulation

api = APIBlueprint(
    "effects_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="effects")], abp_security=[{"token": []}]
)

Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that PostgreSQL can keep: any character but NUL."""


class DerogationPath(BaseModel):
    """One derogation."""

    derogation_id: UUID


class SimulationQuery(BaseModel):
    """The day to simulate."""

    day: date | None = Field(default=None, description="Last day of the derogation, Paris calendar; today when absent")


class ShelfAnswer(BaseModel):
    """Units of one reference on one shelf."""

    ward: str = Field(description="Empty for the pharmacy")
    reference: str
    count: int


class UnitAnswer(BaseModel):
    """One unit that would be stopped."""

    number: str
    reference: str
    lot_number: str | None
    state: UnitState
    ward: str


class SimulationAnswer(BaseModel):
    """What stands on the derogation; the lists only for those who may read them."""

    derogation_id: UUID
    status: DerogationStatus = Field(description="On the day after")
    ends_on: date
    unit_count: int
    operation_count: int
    consented_count: int
    implanted_count: int
    covered_references: list[str] = Field(description="Covered by another derogation in force: not counted")
    shelves: list[ShelfAnswer]
    units: list[UnitAnswer] | None = Field(description="At most 500; null without the right to read units")
    operation_ids: list[UUID] | None = Field(description="Null without the right to read patients and uses")
    consented_patient_ids: list[UUID] | None
    implanted_patient_ids: list[UUID] | None

    @classmethod
    def of(cls, found: Simulation) -> Self:
        """Return the answer, as the caller may see it."""
        actor = http.current_actor()
        sees_patients = actor.can(Permission.PATIENT_READ) and actor.can(Permission.USE_READ)
        units = [UnitAnswer.model_validate(unit, from_attributes=True) for unit in found.units]
        return cls(
            derogation_id=found.concerned.sheet.id,
            status=found.concerned.sheet.status,
            ends_on=found.ends_on,
            unit_count=found.unit_count,
            operation_count=len(found.operations),
            consented_count=len(found.consented),
            implanted_count=len(found.implanted),
            covered_references=sorted(found.concerned.covered),
            shelves=[ShelfAnswer.model_validate(shelf, from_attributes=True) for shelf in found.shelves],
            units=units if actor.can(Permission.UNIT_READ) else None,
            operation_ids=[line.operation.id for line in found.operations] if sees_patients else None,
            consented_patient_ids=list(found.consented) if sees_patients else None,
            implanted_patient_ids=list(found.implanted) if sees_patients else None,
        )


class StopBody(BaseModel):
    """A suspension, a withdrawal, or the end of a suspension; a letter goes with ``/decisions``."""

    model_config = ConfigDict(extra="forbid")

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same decision")
    kind: Literal["suspended", "withdrawn", "reinstated"]
    effective_from: date
    reference: Words = Field(default="", max_length=300)
    note: Words = Field(default="", max_length=4000)


class EffectAnswer(BaseModel):
    """What the decision did at once."""

    model_config = ConfigDict(from_attributes=True)

    held_count: int
    lifted_count: int
    told_count: int


class PastEffectAnswer(BaseModel):
    """What one decision did."""

    model_config = ConfigDict(from_attributes=True)

    decision_id: UUID
    applied_at: datetime
    applied_by_name: str
    held_count: int
    told_count: int
    lifted_at: datetime | None
    lifted_count: int | None


class EffectsAnswer(BaseModel):
    """The simulation, and what was done so far."""

    simulation: SimulationAnswer
    effects: list[PastEffectAnswer]


@api.get(
    "/derogations/<uuid:derogation_id>/effects",
    summary="Simulate the end of a derogation",
    responses={200: EffectsAnswer},
)
@http.requires(Permission.DEROGATION_READ)
def simulate(path: DerogationPath, query: SimulationQuery) -> dict[str, object]:
    """Answer what depends on a derogation, were a day its last one, and what decisions did."""
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction() as session:
        found = queries.simulate(session, path.derogation_id, ends_on=query.day or today, today=today, known_at=now)
        effects = queries.list_effects(session, path.derogation_id)
        answer = SimulationAnswer.of(found)
        if answer.implanted_patient_ids is not None:
            service.note_reading(session, path.derogation_id, found=found, actor=http.current_actor(), now=now)
    past = [PastEffectAnswer.model_validate(effect) for effect in effects]
    return EffectsAnswer(simulation=answer, effects=past).model_dump(mode="json")


@api.post(
    "/derogations/<uuid:derogation_id>/effects",
    summary="Suspend, withdraw or reinstate with effect at once",
    responses={200: EffectAnswer},
)
@http.requires(Permission.DEROGATION_WRITE)
def decide(path: DerogationPath, body: StopBody) -> dict[str, object]:
    """Record the decision and hold or release its units in one transaction; the same id again adds nothing."""
    actor, now = http.current_actor(), clock.utc_now()
    new = NewDecision(
        derogation_id=path.derogation_id,
        kind=DecisionKind(body.kind),
        effective_from=body.effective_from,
        reference=body.reference,
        note=body.note,
    )
    with http.transaction() as session:
        _decision, report = service.record_decision(
            session,
            body.id,
            new=new,
            public_url=http.web().values["public_url"],
            actor=actor,
            now=now,
            today=clock.paris_day(now),
        )
    return EffectAnswer.model_validate(report).model_dump(mode="json")
