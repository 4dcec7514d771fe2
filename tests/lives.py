"""Makes one unit to which everything happened that a room keeps."""

from datetime import timedelta

from sqlalchemy.orm import Session

from scanners.symbols import datamatrix
from tests.care import make_patient, make_use
from tests.hospital import ALICE, NOW, TODAY
from tests.stock import a_hold, make_definition, make_derogation, make_manufacturer, make_unit
from tracker import db
from tracker.catalogue.rules import DeviceKind
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitView
from tracker.labels import service as labels
from tracker.labels.rules import BUILT_IN
from tracker.labels.service import NewJob
from tracker.upkeep import service as upkeep
from tracker.upkeep.rules import Change, NewPhoto, NewPlace, NewUpdate
from tracker.vigilance import service as vigilance
from tracker.vigilance.rules import Consequence, DevicePlace, IncidentFacts, Narrative
from tracker.vigilance.service import NewIncident

INCIDENT = IncidentFacts(
    occurred_on=TODAY,
    detected_on=TODAY,
    place="Theatre",
    consequences=(Consequence.INTERVENTION,),
    narrative=Narrative(description="It broke.", clinical="Revised at once.", measures="Kept."),
    device_place=DevicePlace.PHARMACY,
    is_device_kept=True,
)


def live(session: Session) -> UnitView:
    """Let everything happen to one unit, and return it."""
    maker = make_manufacturer(session)
    definition_id = make_definition(session, manufacturer_id=maker, kind=DeviceKind.SOFTWARE)
    derogation_id = make_derogation(session, maker)
    unit = make_unit(session, definition_id)
    number, hold_id = unit.number, db.new_id()
    devices_service.open_hold(session, hold_id, number=number, hold=a_hold(), actor=ALICE, now=NOW)
    session.flush()  # the release reads it
    devices_service.release_hold(session, hold_id, reason="seal checked", actor=ALICE, now=NOW + timedelta(1))
    for reason in ("", "torn"):
        new = NewJob((number,), BUILT_IN["roll"], reason=reason)
        labels.print_labels(session, db.new_id(), new=new, actor=ALICE, now=NOW, today=TODAY)
    act = {"number": number, "actor": ALICE, "now": NOW, "today": TODAY}
    upkeep.record_update(session, db.new_id(), new=NewUpdate("2.1", Change.MINOR, TODAY), **act)
    upkeep.record_place(session, db.new_id(), new=NewPlace("Server 2", TODAY), **act)
    upkeep.keep_photo(session, db.new_id(), photo=NewPhoto(datamatrix.png("X")), **act)
    patient_id = make_patient(session)
    make_use(session, unit.id, patient_id=patient_id, derogation_id=derogation_id)
    told = NewIncident(number, patient_id, INCIDENT)
    vigilance.declare(session, db.new_id(), new=told, actor=ALICE, now=NOW, today=TODAY)
    session.flush()  # the chronicle reads it
    return devices.get_unit_by_id(session, unit.id)
