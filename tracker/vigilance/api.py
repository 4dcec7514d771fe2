"""Incidents for programs."""

from datetime import date
from uuid import UUID

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from tracker import clock, http
from tracker.actor import Permission
from tracker.vigilance import rules, service
from tracker.vigilance.rules import Consequence, DevicePlace, IncidentFacts, Narrative
from tracker.vigilance.service import NewIncident

api = APIBlueprint(
    "vigilance_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="vigilance")], abp_security=[{"token": []}]
)


class IncidentRequest(BaseModel):
    """One incident or risk of incident. No text may name the patient: each goes to the manufacturer."""

    id: UUID = Field(description="UUIDv7 made by the client; the same id again is the same incident")
    unit_number: str = Field(description="Number on our label")
    patient_id: UUID | None = Field(default=None, description="Only where the use log does not name the patient")
    occurred_on: date
    detected_on: date
    place: str = Field(min_length=1, max_length=200)
    consequences: list[Consequence] = Field(min_length=1)
    description: str = Field(min_length=1, max_length=4000)
    clinical: str = Field(default="", max_length=4000)
    outcome: str = Field(default="", max_length=4000)
    measures: str = Field(default="", max_length=4000)
    informed: str = Field(default="", max_length=4000)
    weight_kg: str = Field(default="", max_length=10, description="Kilograms, decimal point")
    device_place: DevicePlace
    is_device_kept: bool

    def facts(self) -> IncidentFacts:
        """Return what was declared."""
        return IncidentFacts(
            occurred_on=self.occurred_on,
            detected_on=self.detected_on,
            place=self.place,
            consequences=tuple(dict.fromkeys(self.consequences)),
            narrative=Narrative(
                description=self.description,
                clinical=self.clinical,
                outcome=self.outcome,
                measures=self.measures,
                informed=self.informed,
                weight_kg=self.weight_kg,
            ),
            device_place=self.device_place,
            is_device_kept=self.is_device_kept,
        )


class IncidentAnswer(BaseModel):
    """A declared incident."""

    id: UUID
    number: str = Field(description="Number of the case")
    unit_number: str
    is_serious: bool


@api.post("/incidents", summary="Declare an incident", responses={201: IncidentAnswer})
@http.requires(Permission.INCIDENT_DECLARE)
def declare(body: IncidentRequest) -> tuple[dict[str, object], int]:
    """Declare an incident with one unit; its whole lot is held at once."""
    now = clock.utc_now()
    with http.transaction() as session:
        incident = service.declare(
            session,
            body.id,
            new=NewIncident(body.unit_number, body.patient_id, body.facts()),
            actor=http.current_actor(),
            now=now,
            today=clock.paris_day(now),
        )
    answer = IncidentAnswer(
        id=incident.id,
        number=rules.case_number(incident.number),
        unit_number=body.unit_number,
        is_serious=rules.is_serious(body.consequences),
    )
    return answer.model_dump(mode="json"), 201
