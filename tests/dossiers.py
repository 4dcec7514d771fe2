"""Makers of requests for a derogation: an open one, one whose file is complete, one that was given to the operator."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tests.care import make_patient
from tests.hospital import ALICE, CHARLIE, NOW, TODAY
from tests.stock import REFERENCE, make_manufacturer
from tracker import db
from tracker.actor import Actor
from tracker.derogations.rules import DerogationKind, Domain
from tracker.requests import queries, service
from tracker.requests.rules import POINTS, Alternative, RequestEventKind, RequestFile, Step


def complete_file(manufacturer_id: UUID, patient_id: UUID | None) -> RequestFile:
    """Return a file that answers every point, those about the device left to the operator."""
    return RequestFile(
        designation="SCORE insert, size C 14 mm",
        domain=Domain.JOINT,
        manufacturer_id=manufacturer_id,
        operator="Amplitude, 11 cours Jacques Offenbach, Valence",
        patient_id=patient_id,
        implanted_system="SCORE",
        references=(REFERENCE,),
        points={point.code: f"Text of {point.code}." for point in POINTS if point.is_clinical},
        from_operator=frozenset(point.code for point in POINTS if point.from_operator),
        alternatives=(Alternative("ANATOMIC insert", "does not fit the tibial tray"),),
    )


def make_request(
    session: Session,
    *,
    kind: DerogationKind = DerogationKind.INDIVIDUAL,
    file: RequestFile | None = None,
    actor: Actor = CHARLIE,
    now: datetime = NOW,
) -> UUID:
    """Open a request and return its id; its file is empty unless one is given."""
    request_id = db.new_id()
    opened = file or RequestFile()
    service.open_request(session, request_id, kind=kind, file=opened, route="", actor=actor, now=now)
    return request_id


def make_complete(
    session: Session,
    *,
    kind: DerogationKind = DerogationKind.INDIVIDUAL,
    is_signed: bool = True,
    manufacturer_id: UUID | None = None,
    **changes: object,
) -> UUID:
    """Open a request whose file is complete, signed by the surgeon, and return its id."""
    patient_id = make_patient(session) if kind is DerogationKind.INDIVIDUAL else None
    file = complete_file(manufacturer_id or make_manufacturer(session), patient_id)
    request_id = make_request(session, kind=kind, file=replace(file, **changes))  # type: ignore[arg-type]
    if is_signed:
        service.sign(session, db.new_id(), request_id=request_id, version=1, actor=CHARLIE, now=NOW, today=TODAY)
    return request_id


def make_given(
    session: Session, *, kind: DerogationKind = DerogationKind.INDIVIDUAL, manufacturer_id: UUID | None = None
) -> UUID:
    """Open a request, complete it, give its dossier to the operator, and return its id."""
    request_id = make_complete(session, kind=kind, manufacturer_id=manufacturer_id)
    version = queries.get_request(session, request_id).version
    step = Step(RequestEventKind.GIVEN, TODAY, version=version)
    service.give(session, db.new_id(), request_id=request_id, step=step, locale="fr", actor=ALICE, now=NOW, today=TODAY)
    return request_id
