"""Goods-in for programs: a text becomes a verdict, a box becomes a unit or a traced refusal."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Self
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from scanners import Scan, Standard, Status, Udi
from scanners.readers.wedge import Profile
from tracker import clock, http
from tracker.actor import Permission
from tracker.db import Session
from tracker.devices.rules import EntryMethod, Finding
from tracker.findings.rules import Outcome, worded
from tracker.reception import forms, service
from tracker.reception.models import Reception
from tracker.reception.queries import Assessment, Box, LineView, NewReception
from tracker.reception.rules import Purpose
from tracker.workstations import queries as workstations
from tracker.workstations.rules import Capture, Reader

api = APIBlueprint(
    "reception_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="goods-in")], abp_security=[{"token": []}]
)

_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"


class ScanBody(BaseModel):
    """A text as a reader sent it."""

    text: str = Field(max_length=forms.MAX_RAW_LENGTH, description="Control characters included")
    purpose: Purpose = Field(default=Purpose.RECEIVE, description="May it come in, or may it be used")
    group_separator_known: bool = Field(default=False, description="The reader is known to pass GS (ASCII 29) on")
    workstation_id: UUID | None = Field(default=None, description="Whose calibration the text is read by")


class TypedBody(BaseModel):
    """What a person read on the box; it completes a scan and never replaces what was scanned."""

    reference: str | None = Field(default=None, max_length=100, pattern=_TEXT)
    definition_id: UUID | None = Field(default=None, description="Where several devices carry the reference")
    lot: str | None = Field(default=None, max_length=100, pattern=_TEXT)
    serial: str | None = Field(default=None, max_length=100, pattern=_TEXT)
    expiration_date: date | None = None
    software_version: str | None = Field(default=None, max_length=100, pattern=_TEXT)

    def udi(self) -> Udi:
        """Return what was typed."""
        return Udi(
            reference=self.reference or None,
            lot=self.lot or None,
            serial=self.serial or None,
            expiration_date=self.expiration_date,
            software_version=self.software_version or None,
        )


class LineBody(BaseModel):
    """One box to receive: scanned, typed, or both."""

    id: UUID = Field(description="Made by the client; the same id again is the same box")
    text: str | None = Field(default=None, max_length=forms.MAX_RAW_LENGTH)
    typed: TypedBody | None = None
    reading: int | None = Field(default=None, ge=0, description="Which reading of an ambiguous text a person chose")
    override: str = Field(default="", max_length=300, description="Reason to pass over a wrong check digit")
    group_separator_known: bool = False
    workstation_id: UUID | None = Field(default=None, description="Whose calibration the text is read by")


class ReceptionBody(BaseModel):
    """A delivery to open."""

    id: UUID = Field(description="Made by the client; the same id again is the same delivery")
    supplier: str = Field(min_length=1, max_length=200, pattern=_TEXT)
    delivery_note: str = Field(default="", max_length=100, pattern=_TEXT)
    order_number: str = Field(default="", max_length=100, pattern=_TEXT)
    note: str = Field(default="", max_length=1000, pattern=_TEXT)


class ReceptionPath(BaseModel):
    """One delivery."""

    reception_id: UUID


class FindingAnswer(BaseModel):
    """One reason of a verdict; the code is stable, the words are in the language asked for."""

    code: str
    data: dict[str, str]
    effect: str = Field(description="refuse, quarantine or inform")
    sentence: str
    source: str
    next_step: str
    may_override: str = Field(description="Role that may decide otherwise, empty where nobody may")

    @classmethod
    def of(cls, finding: Finding) -> dict[str, object]:
        """Return the answer for one finding."""
        return {"data": dict(finding.data)} | asdict(worded(finding, translate=http.sentence, day=http.written_day))


class UdiAnswer(BaseModel):
    """What a text says, field by field."""

    udi_di: str | None
    lot: str | None
    serial: str | None
    expiration_date: date | None
    manufacture_date: date | None
    quantity: int | None
    software_version: str | None
    reference: str | None

    @classmethod
    def of(cls, udi: Udi) -> dict[str, object]:
        """Return the answer for one UDI."""
        return {
            "udi_di": udi.udi_di,
            "lot": udi.lot,
            "serial": udi.serial,
            "expiration_date": _day(udi.expiration_date),
            "manufacture_date": _day(udi.manufacture_date),
            "quantity": udi.quantity,
            "software_version": udi.software_version,
            "reference": udi.reference,
        }


class FoundDefinitionAnswer(BaseModel):
    """The device that a code means."""

    id: UUID
    reference: str
    designation: str
    manufacturer_name: str


class CoverageAnswer(BaseModel):
    """The derogation that the verdict rests on."""

    derogation_id: UUID
    designation: str
    status: str
    valid_until: date | None = Field(description="Last day of validity, included")


class ScanAnswer(BaseModel):
    """What was read, and the verdict on it; nothing was written."""

    status: Status
    standard: Standard | None
    unit_number: str | None
    udi: UdiAnswer
    readings: list[UdiAnswer] = Field(description="Of an ambiguous text, best first")
    warnings: list[str]
    outcome: Outcome
    findings: list[FindingAnswer]
    definition: FoundDefinitionAnswer | None
    derogation: CoverageAnswer | None


class ReceptionAnswer(BaseModel):
    """A delivery."""

    id: UUID
    number: int
    supplier: str
    delivery_note: str
    order_number: str
    opened_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, reception: Reception) -> Self:
        """Return the answer for one delivery."""
        return cls(
            id=reception.id,
            number=reception.number,
            supplier=reception.supplier,
            delivery_note=reception.delivery_note,
            order_number=reception.order_number,
            opened_at=reception.opened_at,
            closed_at=reception.closed_at,
        )


class LineAnswer(BaseModel):
    """One box and what was decided; a refused box is an answer too."""

    id: UUID
    reception_id: UUID
    outcome: Outcome
    findings: list[FindingAnswer]
    unit_number: str | None = Field(description="Null for a refused box")
    device_id: UUID | None
    definition_id: UUID | None
    derogation_id: UUID | None
    entry_method: EntryMethod
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    at: datetime


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _scan_answer(read: Scan, found: Assessment) -> dict[str, object]:
    definition, coverage = found.definition, found.coverage
    return {
        "status": read.status.value,
        "standard": read.standard.value if read.standard else None,
        "unit_number": found.unit.number if found.unit else read.unit_number,
        "udi": UdiAnswer.of(found.udi),
        "readings": [UdiAnswer.of(udi) for udi in read.readings],
        "warnings": list(read.warnings),
        "outcome": found.verdict.outcome.value,
        "findings": [FindingAnswer.of(finding) for finding in found.verdict.findings],
        "definition": definition
        and {
            "id": str(definition.id),
            "reference": definition.reference,
            "designation": definition.designation,
            "manufacturer_name": definition.manufacturer_name,
        },
        "derogation": coverage
        and {
            "derogation_id": str(coverage.derogation_id),
            "designation": coverage.designation,
            "status": coverage.standing.status.value,
            "valid_until": _day(coverage.standing.valid_until),
        },
    }


def _line_answer(line: LineView) -> dict[str, object]:
    return {
        "id": str(line.id),
        "reception_id": str(line.reception_id),
        "outcome": line.outcome.value,
        "findings": [FindingAnswer.of(finding) for finding in line.findings],
        "unit_number": line.unit_number,
        "device_id": line.device_id and str(line.device_id),
        "definition_id": line.definition_id and str(line.definition_id),
        "derogation_id": line.derogation_id and str(line.derogation_id),
        "entry_method": line.entry_method.value,
        "lot_number": line.lot_number,
        "serial_number": line.serial_number,
        "expiration_date": _day(line.expiration_date),
        "at": line.at.isoformat(),
    }


def _read(session: Session, text: str, *, today: date, body: ScanBody | LineBody) -> Capture:
    """Return what a text says, by the workstation that the program names, or as the program says of separators."""
    reader = workstations.get_reader(session, body.workstation_id)
    if reader.profile is None and body.group_separator_known:
        reader = Reader(profile=Profile(identifier=False))
    return reader.read(text, today=today)


@api.post("/scans", summary="Judge a scanned text", responses={200: ScanAnswer})
@http.requires(Permission.UNIT_CHECK)
def create_scan(body: ScanBody) -> dict[str, object]:
    """Answer what a text says and the verdict on it; write nothing, keep nothing."""
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction() as session:
        read = _read(session, body.text, today=today, body=body).scan
        found = service.check(
            session, scan=read, today=today, now=now, actor=http.current_actor(), purpose=body.purpose
        )
    return _scan_answer(read, found)


@api.post("/receptions", summary="Open a delivery", responses={200: ReceptionAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_reception(body: ReceptionBody) -> dict[str, object]:
    """Open a delivery; the same id again answers the same one."""
    new = NewReception(body.supplier, body.delivery_note, body.order_number, body.note)
    with http.transaction() as session:
        opened = service.open_reception(session, body.id, new=new, actor=http.current_actor(), now=clock.utc_now())
    return ReceptionAnswer.of(opened).model_dump(mode="json")


@api.post("/receptions/<uuid:reception_id>/lines", summary="Receive a box", responses={200: LineAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_line(path: ReceptionPath, body: LineBody) -> dict[str, object]:
    """Receive one box; a refusal that is traced is an answer, its outcome is ``refused``."""
    now = clock.utc_now()
    today = clock.paris_day(now)
    typed = body.typed or TypedBody()
    is_scanned = body.text is not None or body.typed is None
    with http.transaction() as session:
        arrived = _read(session, body.text or "", today=today, body=body)
        box = Box(
            scan=arrived.scan if is_scanned else None,
            entry_method=EntryMethod.SCANNED if is_scanned else EntryMethod.MANUAL,
            typed=typed.udi(),
            definition_id=typed.definition_id,
            reading=body.reading,
            override=body.override,
            reader=arrived.reader,
        )
        line = service.receive(
            session,
            body.id,
            reception_id=path.reception_id,
            box=box,
            actor=http.current_actor(),
            now=now,
            today=today,
        )
    return _line_answer(line)
