"""Acts on units in place: a new version, another place, a photo."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners import Udi
from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.coverage import queries as coverages_of
from tracker.coverage.queries import Coverage
from tracker.devices import queries as devices
from tracker.devices import service as devices_service
from tracker.devices.queries import UnitView
from tracker.devices.rules import Finding, HoldCause, NewHold
from tracker.documents import service as documents
from tracker.documents.models import Document, DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import check_same_request
from tracker.findings.rules import FINDINGS, Outcome
from tracker.upkeep import queries, rules
from tracker.upkeep.models import SoftwareUpdate, UnitPlace
from tracker.upkeep.rules import NewPhoto, NewPlace, NewUpdate
from tracker.verdicts import rules as verdicts
from tracker.verdicts.queries import coverage_facts
from tracker.verdicts.rules import DefinitionFacts, Facts, Purpose, Verdict


def record_update(
    session: Session, update_id: UUID, *, number: str, new: NewUpdate, actor: Actor, now: datetime, today: date
) -> SoftwareUpdate:
    """Record a new version of a unit of software; the same request again changes nothing.

    The register is asked again: as it stands today and, for an update made earlier, on its day. What it does not cover
    is recorded all the same, because the version is installed, and blocks the unit.

    Raises:
        NotPermitted: the actor may not receive.
        UnitNotFound: there is no such unit here.
        NotSoftware: the device is of another kind.
        UnitGone: the unit is no longer in the hospital.
        UpdateInvalid: the version is missing, or the day is impossible.
        VersionUnchanged: it runs this version already.
        RequestIdReused: the id belongs to another update.
    """
    actor.require(Permission.RECEPTION_WRITE)
    new = new.tidied()
    unit = devices.get_unit_for_update(session, number)
    earlier = session.get(SoftwareUpdate, update_id)
    if earlier is not None:
        asked = (unit.id, new.version, new.change, new.installed_on, new.note)
        kept = (earlier.device_id, earlier.version, earlier.change, earlier.installed_on, earlier.note)
        check_same_request(is_same=asked == kept)
        return earlier
    rules.check_update(
        new,
        kind=unit.definition.kind,
        state=unit.state,
        present=unit.software_version,
        last_on=queries.last_update_on(session, unit.id),
        today=today,
    )
    verdict, coverage = _judge(session, unit, new, now=now, today=today)
    hold_id = _hold(session, unit, update_id, verdict=verdict, actor=actor, now=now)
    values = {
        **asdict(new),
        "version_before": unit.software_version,
        "outcome": verdict.outcome,
        "findings": [finding.as_json() for finding in verdict.findings],
        "derogation_id": coverage.derogation_id if coverage else None,
        "hold_id": hold_id,
    }
    _append(session, SoftwareUpdate, {"id": update_id, "device_id": unit.id, **values}, actor=actor, now=now)
    devices_service.set_present(session, unit.id, software_version=new.version)
    told = {
        "number": unit.number,
        "version": new.version,
        "before": unit.software_version or "",
        "outcome": verdict.outcome.value,
    }
    audit.append(session, actor=actor, action="software:updated", subject=f"device:{unit.id}", details=told, now=now)
    return session.get_one(SoftwareUpdate, update_id)


def _append(
    session: Session, table: type[SoftwareUpdate | UnitPlace], values: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Append a fact of a locked unit.

    Raises:
        RequestIdReused: the id is that of another establishment's row, which nobody sees here.
    """
    by = {"at": now, "actor_id": actor.id, "actor_name": actor.display_name}
    values = {"establishment_id": actor.establishment_id, **by, **values}
    made = session.scalar(upsert(table).values(values).on_conflict_do_nothing().returning(table.id))
    check_same_request(is_same=made is not None)


def _judge(
    session: Session, unit: UnitView, new: NewUpdate, *, now: datetime, today: date
) -> tuple[Verdict, Coverage | None]:
    """Return what the change and the register say of a new version, and the derogation that was asked."""
    findings = [*rules.findings_of_change(new)]
    chosen: Coverage | None = None
    for day in sorted({today, new.installed_on}, reverse=True):
        coverages = coverages_of.find_coverage(
            session,
            manufacturer_id=unit.definition.manufacturer_id,
            reference=unit.definition.reference,
            day=day,
            known_at=now,
        )
        facts = _facts(unit, new, coverages, day=day)
        said = verdicts.findings_of_register(facts)
        best = verdicts.chosen_coverage(facts.coverages)
        if day == today:
            chosen = next((one for one in coverages if best and one.derogation_id == best.derogation_id), None)
            findings.extend(said)
        else:
            findings.extend(one for one in said if _blocks(one) and one not in findings)
    return verdicts.verdict_of(findings), chosen


def _blocks(finding: Finding) -> bool:
    return FINDINGS[finding.code].effect is not Outcome.ACCEPTED


def _facts(unit: UnitView, new: NewUpdate, coverages: Sequence[Coverage], *, day: date) -> Facts:
    definition = unit.definition
    return Facts(
        purpose=Purpose.USE,
        today=day,
        scan=None,
        udi=Udi(udi_di=unit.udi_di, serial=unit.serial_number, software_version=new.version),
        definition=DefinitionFacts(definition.manufacturer_name, definition.reference, definition.kind),
        coverages=tuple([coverage_facts(coverage) for coverage in coverages]),
    )


def _hold(
    session: Session, unit: UnitView, update_id: UUID, *, verdict: Verdict, actor: Actor, now: datetime
) -> UUID | None:
    """Block a unit whose new version is not covered, and return the id of the hold."""
    if verdict.outcome is Outcome.ACCEPTED:
        return None
    reason = " ".join(dict.fromkeys(finding.code for finding in verdict.findings if _blocks(finding)))
    hold = NewHold(HoldCause.DEROGATION, reason, f"software_update:{update_id}")
    opened = devices_service.open_hold(session, db.new_id(), number=unit.number, hold=hold, actor=actor, now=now)
    session.flush()  # the update names the hold
    return opened.id


def record_place(
    session: Session, place_id: UUID, *, number: str, new: NewPlace, actor: Actor, now: datetime, today: date
) -> UnitPlace:
    """Record where a unit of equipment or software stands from a day on; the same request again changes nothing.

    Raises:
        NotPermitted: the actor may not deliver units.
        UnitNotFound: there is no such unit here.
        PlaceNotKept: units of this kind have no place of their own.
        UnitGone: the unit is no longer in the hospital.
        PlaceInvalid: the place is missing, or the day is impossible.
        PlaceUnchanged: it stands there already.
        RequestIdReused: the id belongs to another move.
    """
    actor.require(Permission.UNIT_DELIVER)
    new = new.tidied()
    unit = devices.get_unit_for_update(session, number)
    earlier = session.get(UnitPlace, place_id)
    if earlier is not None:
        asked = (unit.id, new.place, new.moved_on, new.note)
        check_same_request(is_same=asked == (earlier.device_id, earlier.place, earlier.moved_on, earlier.note))
        return earlier
    rules.check_place(
        new,
        kind=unit.definition.kind,
        state=unit.state,
        present=unit.place,
        last_on=queries.last_move_on(session, unit.id),
        today=today,
    )
    values = {**asdict(new), "id": place_id, "device_id": unit.id, "place_before": unit.place}
    _append(session, UnitPlace, values, actor=actor, now=now)
    devices_service.set_present(session, unit.id, place=new.place)
    told = {"number": unit.number, "place": new.place, "before": unit.place or ""}
    audit.append(session, actor=actor, action="unit:moved", subject=f"device:{unit.id}", details=told, now=now)
    return session.get_one(UnitPlace, place_id)


def keep_photo(
    session: Session, photo_id: UUID, *, number: str, photo: NewPhoto, actor: Actor, now: datetime, today: date
) -> Document:
    """Keep a photo with a unit, frozen, hashed and sealed; the same request again changes nothing.

    The document's id is made of the establishment's and the client's, so that two establishments never meet in one.

    Raises:
        NotPermitted: the actor may not receive.
        UnitNotFound: there is no such unit here.
        FileRefused: the file is empty, too large, or of a kind that is not kept.
        PhotoRefused: it is no picture.
        PhotoShowsPatient: a patient's label is on it; nothing is kept.
        PhotosFull: the unit has as many as its page can show.
        RequestIdReused: the id belongs to another photo.
    """
    actor.require(Permission.RECEPTION_WRITE)
    documents.check_upload(photo.content)
    rules.check_photo(photo.texts, media_type=documents.media_type_of(photo.content), today=today)
    unit = devices.get_unit_for_update(session, number)
    subject, kept = devices.photo_subject(unit.id), devices.list_photos(session, unit.id)
    earlier = _find_photo(session, photo_id, subject=subject, photo=photo, actor=actor)
    if earlier is not None:
        return earlier
    rules.check_photo_count(len(kept))
    return _freeze_photo(session, photo_id, subject=subject, photo=photo, actor=actor, now=now)


def keep_photo_of_refused(
    session: Session, photo_id: UUID, *, subject: str, photo: NewPhoto, actor: Actor, now: datetime, today: date
) -> Document:
    """Keep the photo of a box that became no unit, as :func:`keep_photo` keeps that of a unit.

    Args:
        session: of the transaction in which the box was refused.
        photo_id: the client's.
        subject: ``noun:id`` of the trace of the refusal.
        photo: of the box.
        actor: who received.
        now: UTC.
        today: Paris calendar.

    Raises:
        NotPermitted: the actor may not receive.
        FileRefused: the file is empty, too large, or of a kind that is not kept.
        PhotoRefused: it is no picture.
        PhotoShowsPatient: a patient's label is on it; nothing is kept.
        RequestIdReused: the id belongs to another photo.
    """
    actor.require(Permission.RECEPTION_WRITE)
    documents.check_upload(photo.content)
    rules.check_photo(photo.texts, media_type=documents.media_type_of(photo.content), today=today)
    earlier = _find_photo(session, photo_id, subject=subject, photo=photo, actor=actor)
    return earlier or _freeze_photo(session, photo_id, subject=subject, photo=photo, actor=actor, now=now)


def _find_photo(session: Session, photo_id: UUID, *, subject: str, photo: NewPhoto, actor: Actor) -> Document | None:
    earlier = session.get(Document, uuid5(actor.establishment_id, str(photo_id)))
    if earlier is not None:
        fingerprint = hashlib.sha256(photo.content).hexdigest()
        check_same_request(is_same=(earlier.subject, earlier.sha256) == (subject, fingerprint))
    return earlier


def _freeze_photo(
    session: Session, photo_id: UUID, *, subject: str, photo: NewPhoto, actor: Actor, now: datetime
) -> Document:
    file = NewFile(DocumentKind.PHOTO, subject, photo.filename or "photo", photo.content, has_patient_data=False)
    document_id = uuid5(actor.establishment_id, str(photo_id))
    return documents.freeze(session, file, actor=actor, now=now, document_id=document_id)
