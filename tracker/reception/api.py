"""Goods-in for programs: a text becomes a verdict, a box becomes a unit or a traced refusal."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from uuid import UUID

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from scanners import Scan, Standard, Status, Udi
from scanners.readers.wedge import Profile
from tracker import clock, http
from tracker.actor import Permission
from tracker.arrivals.rules import DeliveryState
from tracker.checks import service as checks
from tracker.checks.forms import read_label
from tracker.db import Session
from tracker.devices.rules import EntryMethod, Finding
from tracker.findings.rules import Outcome, worded
from tracker.reception import queries, service
from tracker.reception.queries import LineView
from tracker.reception.service import Arrival
from tracker.verdicts.queries import Assessment, Box
from tracker.verdicts.rules import Purpose
from tracker.workstations import queries as workstations
from tracker.workstations.rules import MAX_RAW_LENGTH, Reader

api = APIBlueprint(
    "reception_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="goods-in")], abp_security=[{"token": []}]
)

_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"


class ScanBody(BaseModel):
    """A text as a reader sent it."""

    text: str = Field(max_length=MAX_RAW_LENGTH, description="Control characters included")
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
    text: str | None = Field(
        default=None,
        max_length=2 * MAX_RAW_LENGTH,
        description="Two symbols of one unit: a line feed between them",
    )
    typed: TypedBody | None = None
    reading: int | None = Field(default=None, ge=0, description="Which reading of an ambiguous text a person chose")
    override: str = Field(default="", max_length=300, description="Reason to pass over a wrong check digit")
    group_separator_known: bool = False
    workstation_id: UUID | None = Field(default=None, description="Whose calibration the text is read by")
    count: int | None = Field(
        default=None, ge=1, le=service.MOST_BOXES, description="Units that a person counted in it"
    )

    @property
    def reader_key(self) -> tuple[UUID | None, bool]:
        """What decides by which reader the text is read."""
        return self.workstation_id, self.group_separator_known

    def arrival(self, reader: Reader, today: date) -> Arrival:
        """Return the box to receive, read by a reader."""
        typed = self.typed or TypedBody()
        is_scanned = self.text is not None or self.typed is None
        box = Box(
            scan=read_label(reader, self.text or "", today=today).scan if is_scanned else None,
            entry_method=EntryMethod.SCANNED if is_scanned else EntryMethod.MANUAL,
            typed=typed.udi(),
            definition_id=typed.definition_id,
            reading=self.reading,
            override=self.override,
            count=self.count,
            reader=reader,
        )
        return Arrival(self.id, box)


class LinesBody(BaseModel):
    """The boxes of a delivery, received together or not at all."""

    lines: list[LineBody] = Field(min_length=1, max_length=service.MOST_BOXES)


class CorrectionBody(BaseModel):
    """A scan to take back."""

    id: UUID = Field(description="Made by the client; the same id again is the same correction")
    reason: str = Field(min_length=1, max_length=300, pattern=_TEXT)


class BoxPath(BaseModel):
    """One box."""

    box_id: UUID


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
    corrected_at: datetime | None = Field(description="When the scan was taken back; null where it stands")


class LinesAnswer(BaseModel):
    """The lines made, in the order sent; a box in which several units were counted has one line for each."""

    lines: list[LineAnswer]


class ReceptionLinesQuery(BaseModel):
    """Where the lines begin."""

    after: UUID | None = Field(default=None, description="The 'next' of the page before")
    limit: int = Field(default=200, ge=1, le=service.MOST_BOXES)


class ReceptionLinesAnswer(BaseModel):
    """One delivery with a page of its lines, newest first."""

    id: UUID
    number: int
    supplier: str
    delivery_note: str
    order_number: str
    opened_at: datetime
    opened_by_name: str
    closed_at: datetime | None
    state: DeliveryState = Field(description="partial: closed, and the rest is awaited")
    line_count: int = Field(description="Boxes scanned, those taken back too")
    lines: list[LineAnswer]
    next: UUID | None


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
        "corrected_at": line.corrected_at and line.corrected_at.isoformat(),
    }


def _reader(session: Session, body: ScanBody | LineBody) -> Reader:
    """Return the reader of the workstation that the program names, or what the program says of separators."""
    reader = workstations.get_reader(session, body.workstation_id)
    if reader.profile is None and body.group_separator_known:
        return Reader(profile=Profile(identifier=False))
    return reader


@api.post("/scans", summary="Judge a scanned text", responses={200: ScanAnswer})
@http.requires(Permission.UNIT_CHECK)
def create_scan(body: ScanBody) -> dict[str, object]:
    """Answer what a text says and the verdict on it; write nothing, keep nothing."""
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.reading() as session:
        read = _reader(session, body).read(body.text, today=today).scan
        found = checks.check(session, scan=read, today=today, now=now, actor=http.current_actor(), purpose=body.purpose)
    return _scan_answer(read, found)


@api.get(
    "/receptions/<uuid:reception_id>", summary="Read a delivery with its lines", responses={200: ReceptionLinesAnswer}
)
@http.requires(Permission.RECEPTION_READ)
def get_reception(path: ReceptionPath, query: ReceptionLinesQuery) -> dict[str, object]:
    """Return a delivery with its boxes, newest first: what was decided about each, and whether it was taken back."""
    with http.reading() as session:
        found = queries.get_view(session, path.reception_id)
        lines = queries.page_lines(session, path.reception_id, after=query.after, limit=query.limit + 1)
    shown = lines[: query.limit]
    return {
        "id": str(found.id),
        "number": found.number,
        "supplier": found.supplier,
        "delivery_note": found.delivery_note,
        "order_number": found.order_number,
        "opened_at": found.opened_at.isoformat(),
        "opened_by_name": found.opened_by_name,
        "closed_at": found.closed_at and found.closed_at.isoformat(),
        "state": found.state.value,
        "line_count": found.line_count,
        "lines": [_line_answer(line) for line in shown],
        "next": str(shown[-1].id) if len(lines) > query.limit else None,
    }


@api.post("/receptions/<uuid:reception_id>/lines", summary="Receive a box", responses={200: LineAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_line(path: ReceptionPath, body: LineBody) -> dict[str, object]:
    """Receive one box; a refusal that is traced is an answer, its outcome is ``refused``.

    Of several units counted in one box the first line is answered; ``/boxes`` answers all.
    """
    return _line_answer(_receive(path.reception_id, [body])[0])


@api.post("/receptions/<uuid:reception_id>/boxes", summary="Receive many boxes", responses={200: LinesAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_lines(path: ReceptionPath, body: LinesBody) -> dict[str, object]:
    """Receive the boxes of a delivery in one request, all or none; refusals that are traced are answers."""
    return {"lines": [_line_answer(line) for line in _receive(path.reception_id, body.lines)]}


def _receive(reception_id: UUID, bodies: Sequence[LineBody]) -> list[LineView]:
    now = clock.utc_now()
    today = clock.paris_day(now)
    with http.transaction(keeps_plans=True) as session:
        readers = {body.reader_key: _reader(session, body) for body in {one.reader_key: one for one in bodies}.values()}
        arrivals = [body.arrival(readers[body.reader_key], today) for body in bodies]
        return service.receive_many(
            session, reception_id, arrivals=arrivals, actor=http.current_actor(), now=now, today=today
        )


@api.post("/reception-lines/<uuid:box_id>/correction", summary="Take a scan back", responses={200: LineAnswer})
@http.requires(Permission.RECEPTION_WRITE)
def create_correction(path: BoxPath, body: CorrectionBody) -> dict[str, object]:
    """Take back a scan that was a mistake, while its delivery is open and nothing happened to its unit."""
    with http.transaction() as session:
        line = service.correct_line(
            session, body.id, line_id=path.box_id, reason=body.reason, actor=http.current_actor(), now=clock.utc_now()
        )
    return _line_answer(line)
