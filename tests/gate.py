"""Everything the gate asks for, made whole: a patient, a derogation, a consent, a unit; and what a nurse types."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from scanners.udi import ins
from tests.care import MARIE, make_consent
from tests.hospital import ALICE, CHARLIE, NOW, THEATRE, TODAY
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import clock, db
from tracker.catalogue.rules import DeviceKind
from tracker.devices import service as device_service
from tracker.patients import service as patients
from tracker.patients.rules import INS_TEST_OID, IdentityStatus

IDENTITY = replace(MARIE, ins_matricule="280129999999969", ins_oid=INS_TEST_OID, birth_place_code="75056")
LABEL = (
    ins.HEADER + "S1280129999999969S21.2.250.1.213.1.4.10S3MARIE JOSEPHE\x1dS4MARTIN-BREANT\x1dS5FS612-03-1956S775056"
)
LABEL_OF_UNIT = b"]d201037000000000131730013110A1"
UDI = "(01)03700000000013(17)300131(10)A1"


@dataclass(frozen=True, slots=True)
class Case:
    """A unit that may be used for Marie, one that may not, and what is typed at the gate."""

    patient_id: UUID
    derogation_id: UUID
    number: str
    held: str
    today: str

    @property
    def gate(self) -> str:
        return f"/use?patient={self.patient_id}&unit={self.number}"

    def typed(self, **changes: object) -> dict[str, object]:
        """Return what a nurse types for a partial revision, some of it replaced."""
        return {
            "request_id": str(db.new_id()),
            "unit": self.number,
            "patient": str(self.patient_id),
            "intervention": "partial_revision",
            "implanted_system": "SCORE cemented, 2011",
            "side": "left",
            "used_on": self.today,
            "used_time": "00:00",
            "operator_id": str(CHARLIE.id),
            "ward_id": str(THEATRE),
            "reason": "insert worn, the rest is sound",
            **changes,
        }

    def body(self, **changes: object) -> dict[str, object]:
        """Return the same use as a program sends it."""
        typed = self.typed(id=str(db.new_id()), unit_number=self.number, patient_id=str(self.patient_id), **changes)
        return {name: value for name, value in typed.items() if name not in {"request_id", "unit", "patient"}}


def make_case(
    session: Session,
    *,
    status: IdentityStatus = IdentityStatus.QUALIFIED,
    consents: bool = True,
    device_kind: DeviceKind = DeviceKind.IMPLANT,
) -> Case:
    today = clock.paris_day(clock.utc_now())
    manufacturer_id = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=manufacturer_id, kind=device_kind)
    derogation_id = make_derogation(session, manufacturer_id, valid_until=today + timedelta(days=100))
    patient_id = patients.register_patient(
        session, db.new_id(), traits=IDENTITY, status=status, actor=CHARLIE, now=NOW, today=TODAY
    ).id
    if consents:
        make_consent(session, patient_id, derogation_id)
    shelf_life = today + timedelta(days=400)
    unit = make_unit(session, definition_id, expiration_date=shelf_life, raw_scan=LABEL_OF_UNIT)
    held = make_unit(session, definition_id, expiration_date=shelf_life)
    device_service.open_hold(session, db.new_id(), number=held.number, hold=a_hold("seal broken"), actor=ALICE, now=NOW)
    return Case(patient_id, derogation_id, unit.number, held.number, today.isoformat())
