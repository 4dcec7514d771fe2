"""Makers of patients and uses, for the tests of the rooms that stand on them."""

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from tests.hospital import CHARLIE, NOW, THEATRE, TODAY
from tracker import db
from tracker.actor import Actor
from tracker.consents.models import ConsentEvent
from tracker.consents.rules import ConsentEventKind
from tracker.devices import service as devices
from tracker.devices.rules import Event
from tracker.patients import service as patients
from tracker.patients.rules import IdentityStatus, Sex, Traits
from tracker.use.models import DeviceUse
from tracker.use.rules import Intervention, Side

MARIE = Traits(
    family_name="MARTIN-BRÉANT",
    given_names="Marie Josèphe",
    birth_date=date(1956, 3, 12),
    sex=Sex.FEMALE,
    ipp="8001234567",
)


def make_patient(session: Session, traits: Traits = MARIE, *, actor: Actor = CHARLIE) -> UUID:
    """Register a patient and return its id."""
    view = patients.register_patient(
        session, db.new_id(), traits=traits, status=IdentityStatus.PROVISIONAL, actor=actor, now=NOW, today=TODAY
    )
    return view.id


def make_use(
    session: Session,
    device_id: UUID,
    *,
    patient_id: UUID,
    derogation_id: UUID,
    used_on: date = TODAY,
    actor: Actor = CHARLIE,
) -> UUID:
    """Write that a unit was implanted in a patient who had consented, and return the id of the use."""
    event_id, use_id = db.new_id(), db.new_id()
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
    session.flush()  # the use refers to it
    session.add(
        DeviceUse(
            id=use_id,
            establishment_id=actor.establishment_id,
            device_id=device_id,
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
            findings=[],
            recorded_at=NOW,
            recorded_by_id=actor.id,
            recorded_by_name=actor.display_name,
        )
    )
    devices.mark_used(session, device_id, event=Event.IMPLANTATION, reason="", actor=actor, now=NOW)
    return use_id
