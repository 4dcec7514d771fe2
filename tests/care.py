"""Makers of patients and uses, for the tests of the rooms that stand on them."""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scanners.udi.ins import HEADER as INS_HEADER
from tests.hospital import CHARLIE, HOSPITAL_A, NOW, THEATRE, TODAY
from tests.stock import make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.actor import Actor
from tracker.consents import service as consents
from tracker.consents.models import ConsentEvent
from tracker.consents.rules import ConsentEventKind, NoticeTexts, SignerCapacity
from tracker.consents.service import NewConsentEvent
from tracker.db import Database, transaction
from tracker.devices import service as devices
from tracker.devices.queries import get_unit_by_id
from tracker.devices.rules import Finding, use_event
from tracker.outcomes import service as outcomes
from tracker.outcomes.rules import ExplantationCause, FailureCause, Fate, NewExplantation, NewFailure, Stage
from tracker.patients import service as patients
from tracker.patients.rules import IdentityStatus, Sex, Traits
from tracker.places import service as places
from tracker.use.models import DeviceUse
from tracker.use.queries import next_ordinal
from tracker.use.rules import Intervention, Side

MARIE = Traits(
    family_name="MARTIN-BRÉANT",
    given_names="Marie Josèphe",
    birth_date=date(1956, 3, 12),
    sex=Sex.FEMALE,
    ipp="8001234567",
)

PATIENT_LABEL = (
    f"{INS_HEADER}S1280129999999969S21.2.250.1.213.1.4.10S3MARIE CLAIRE\x1dS4EXEMPLE\x1dS5FS612-12-1980S799999"
)
"""What a scanner reads on a label of hers."""


def make_patient(session: Session, traits: Traits = MARIE, *, actor: Actor = CHARLIE) -> UUID:
    """Register a patient and return its id."""
    view = patients.register_patient(
        session, db.new_id(), traits=traits, status=IdentityStatus.PROVISIONAL, actor=actor, now=NOW, today=TODAY
    )
    return view.id


def _consented(session: Session, event_id: UUID, *, patient_id: UUID, derogation_id: UUID, actor: Actor) -> None:
    session.add(
        ConsentEvent(
            id=event_id,
            establishment_id=actor.establishment_id,
            patient_id=patient_id,
            derogation_id=derogation_id,
            kind=ConsentEventKind.OBTAINED,
            at=NOW,
            informed_by_id=actor.id,
            informed_by_name=actor.display_name,
            recorded_at=NOW,
            recorded_by_id=actor.id,
            recorded_by_name=actor.display_name,
        )
    )


def make_use(
    session: Session,
    device_id: UUID,
    *,
    patient_id: UUID,
    derogation_id: UUID,
    used_on: date = TODAY,
    findings: tuple[Finding, ...] = (),
    actor: Actor = CHARLIE,
) -> UUID:
    """Write that a unit was implanted in a patient who had consented, and return the id of the use."""
    event_id, use_id, unit = db.new_id(), db.new_id(), get_unit_by_id(session, device_id)
    _consented(session, event_id, patient_id=patient_id, derogation_id=derogation_id, actor=actor)
    session.flush()  # the use refers to it
    session.add(
        DeviceUse(
            id=use_id,
            establishment_id=actor.establishment_id,
            device_id=device_id,
            ordinal=next_ordinal(unit),
            origin_id=use_id,
            patient_id=patient_id,
            derogation_id=derogation_id,
            consent_event_id=event_id,
            used_on=used_on,
            operator_id=actor.id,
            operator_name=actor.display_name,
            ward_id=THEATRE,
            side=Side.LEFT,
            intervention=Intervention.PARTIAL_REVISION,
            implanted_system="SCORE knee",
            reason="worn insert",
            findings=[finding.as_json() for finding in findings],
            recorded_at=NOW,
            recorded_by_id=actor.id,
            recorded_by_name=actor.display_name,
        )
    )
    places.take_place(
        session,
        derogation_id=derogation_id,
        patient_id=patient_id,
        establishment_id=actor.establishment_id,
        now=NOW,
    )
    devices.mark_used(session, device_id, event=use_event(unit.definition.kind), reason="", actor=actor, now=NOW)
    return use_id


def make_failure(
    session: Session, number: str, *, patient_id: UUID | None = None, actor: Actor = CHARLIE, **changes: object
) -> UUID:
    """Record that a unit broke while it was tried, or opened where no patient is named, and return the id of that."""
    new = NewFailure(
        unit_number=number,
        failed_on=TODAY,
        stage=Stage.TRIED if patient_id else Stage.OPENED,
        cause=FailureCause.DAMAGED,
        operator_id=CHARLIE.id,
        ward_id=THEATRE,
        patient_id=patient_id,
    )
    new = replace(new, **changes)  # type: ignore[arg-type] # names of fields
    return outcomes.record_failure(session, db.new_id(), new=new, actor=actor, now=NOW, today=TODAY).id


def make_explantation(session: Session, use_id: UUID, *, actor: Actor = CHARLIE, **changes: object) -> UUID:
    """Record that an implant was taken out, and return the id of that."""
    new = NewExplantation(TODAY, ExplantationCause.LOOSENING, CHARLIE.id, fate=Fate.KEPT)
    new = replace(new, **changes)  # type: ignore[arg-type] # names of fields
    made = outcomes.record_explantation(session, db.new_id(), use_id=use_id, new=new, actor=actor, now=NOW, today=TODAY)
    return made.id


NOTICE = NoticeTexts(
    no_mark_reason="The company gave up the certificate of this part.",
    why="Only this insert fits the knee that is implanted.",
    alternatives="Replacing the whole knee: a heavier operation.",
    benefits="A knee that bends without pain.",
    risks="Wear, loosening, infection.",
    unknowns="How long it lasts.",
    follow_up="An X-ray each year.",
    contact="Dr Charlie Test",
)


def make_notice(session: Session, derogation_id: UUID, *, texts: NoticeTexts = NOTICE, actor: Actor = CHARLIE) -> UUID:
    """Freeze the next version of a derogation's notice and return its id."""
    notice = consents.create_notice(
        session, db.new_id(), derogation_id=derogation_id, texts=texts, effective_from=TODAY, actor=actor, now=NOW
    )
    return notice.id


def make_consent(
    session: Session,
    patient_id: UUID,
    derogation_id: UUID,
    *,
    kind: ConsentEventKind = ConsentEventKind.OBTAINED,
    at: datetime = NOW,
    notice_id: UUID | None = None,
    actor: Actor = CHARLIE,
) -> UUID:
    """Record what a patient decided, with a notice made for it, and return the id of the event."""
    new = NewConsentEvent(
        patient_id=patient_id,
        derogation_id=derogation_id,
        kind=kind,
        at=at,
        notice_id=notice_id or make_notice(session, derogation_id, actor=actor),
        informed_by_id=actor.id,
        signer_capacity=SignerCapacity.PATIENT,
        signer_name="Marie Martin",
        reason="nobody could be asked" if kind is ConsentEventKind.EMERGENCY else "",
    )
    return consents.record_event(session, db.new_id(), new=new, actor=actor, now=at).id


class CarriedLot:
    """Lot A1: one unit implanted in Marie, two on the shelf."""

    def __init__(self, database: Database) -> None:
        with transaction(database, HOSPITAL_A) as session:
            self.manufacturer_id = make_manufacturer(session)
            self.definition_id = make_definition(session, manufacturer_id=self.manufacturer_id)
            derogation_id = make_derogation(session, self.manufacturer_id)
            implanted = make_unit(session, self.definition_id)
            self.implanted = implanted.number
            self.shelf = [make_unit(session, self.definition_id).number for _ in range(2)]
            self.patient_id = make_patient(session)
            make_use(session, implanted.id, patient_id=self.patient_id, derogation_id=derogation_id)
