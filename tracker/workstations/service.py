"""Actions on workstations: name one, calibrate its reader."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from scanners.errors import BrokenStructure
from scanners.readers import calibration
from scanners.readers.keyboards import KeyPress
from scanners.udi.ins import is_patient_label
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.errors import N_, Conflict, InvalidInput, check_same_request
from tracker.workstations import queries, rules
from tracker.workstations.models import Calibration, Workstation
from tracker.workstations.queries import WorkstationView


class WorkstationNameTaken(Conflict):
    """Another workstation of this establishment has the name."""

    code = "workstation-name-taken"


class WorkstationNameMissing(InvalidInput):
    """A workstation needs a name that people know it by."""

    code = "workstation-name-missing"


class NotTheSheet(InvalidInput):
    """What was scanned is not the calibration sheet, or characters of it were lost or merged on the way."""

    code = "calibration-not-the-sheet"


class ReaderUnusable(InvalidInput):
    """The sheet was read, and shows that scans of this reader could not be put right: a setting has to change first."""

    code = "calibration-unusable"

    def __init__(self, message: str, *, findings: tuple[str, ...], next_step: str) -> None:
        super().__init__(message, next_step=next_step)
        self.findings = findings

    def explain(self, translate: Callable[[str], str]) -> list[dict[str, str]]:
        """Return every finding with what to change, for the API."""
        return [
            {"code": code, "sentence": translate(words.sentence), "next_step": translate(words.remedy)}
            for code, words in rules.FINDINGS.items()
            if code in self.findings
        ]


def create_workstation(
    session: Session, workstation_id: UUID, *, name: str, actor: Actor, now: datetime
) -> WorkstationView:
    """Name a workstation; the same request again returns the same one.

    Raises:
        NotPermitted: the actor may not calibrate readers.
        WorkstationNameMissing: the name is empty.
        WorkstationNameTaken: another workstation has it.
        RequestIdReused: the id belongs to another workstation.
    """
    actor.require(Permission.WORKSTATION_CALIBRATE)
    name = " ".join(name.split())
    if not name:
        raise WorkstationNameMissing(
            N_("The workstation has no name."), fields={"name": N_("Write a name that people know this computer by.")}
        )
    values = {
        "id": workstation_id,
        "establishment_id": actor.establishment_id,
        "name": name,
        "created_at": now,
        "created_by_id": actor.id,
        "created_by_name": actor.display_name,
    }
    made = session.scalar(upsert(Workstation).values(values).on_conflict_do_nothing().returning(Workstation.id))
    if made is None:
        _check_same_workstation(session, workstation_id, name=name)
        return queries.get_workstation(session, workstation_id)
    audit.append(
        session,
        actor=actor,
        action="workstation:created",
        subject=f"workstation:{workstation_id}",
        details={"name": name},
        now=now,
    )
    return WorkstationView(workstation_id, name, now, None)


def _check_same_workstation(session: Session, workstation_id: UUID, *, name: str) -> None:
    earlier = queries.find_workstation(session, workstation_id)
    if earlier is None and session.scalar(select(Workstation.id).where(Workstation.name == name)) is not None:
        raise WorkstationNameTaken(
            N_("Another workstation has this name."),
            fields={"name": N_("Choose another name, or calibrate the workstation of that name again.")},
            next_step=N_("Choose another name, or calibrate the workstation of that name again."),
        )
    check_same_request(is_same=earlier is not None and earlier.name == name)


def calibrate(
    session: Session,
    calibration_id: UUID,
    *,
    workstation_id: UUID,
    received: str,
    presses: Iterable[KeyPress],
    actor: Actor,
    now: datetime,
) -> Calibration:
    """Keep what a scan of the sheet shows of a workstation's reader: it counts for every scan from now on.

    The same request again returns the same calibration.

    Raises:
        NotPermitted: the actor may not calibrate readers.
        WorkstationNotFound: there is no such workstation here.
        NotTheSheet: something else was scanned, or characters were lost or merged on the way.
        ReaderUnusable: the reader has to be set otherwise first; nothing was kept.
        RequestIdReused: the id belongs to another calibration.
    """
    actor.require(Permission.WORKSTATION_CALIBRATE)
    queries.get_workstation(session, workstation_id)
    learnt = _learn(received, presses)
    kept = Calibration(
        id=calibration_id,
        establishment_id=actor.establishment_id,
        workstation_id=workstation_id,
        profile=learnt.profile.as_json(),
        findings=list(learnt.findings),
        layout=learnt.layout,
        raw_scan=received.encode("utf-8", "surrogatepass"),
        at=now,
        actor_id=actor.id,
        actor_name=actor.display_name,
    )
    values = {column.key: getattr(kept, column.key) for column in Calibration.__table__.columns}
    made = session.scalar(upsert(Calibration).values(values).on_conflict_do_nothing().returning(Calibration.id))
    if made is None:
        return _same_calibration(session, kept)
    audit.append(
        session,
        actor=actor,
        action="workstation:calibrated",
        subject=f"workstation:{workstation_id}",
        details={
            "calibration": str(calibration_id),
            "layout": learnt.layout or "",
            "findings": " ".join(learnt.findings),
        },
        now=now,
    )
    return kept


def _same_calibration(session: Session, sent: Calibration) -> Calibration:
    earlier = session.get(Calibration, sent.id)
    is_same = earlier and (earlier.workstation_id, earlier.raw_scan) == (sent.workstation_id, sent.raw_scan)
    check_same_request(is_same=bool(is_same))
    return earlier or sent


def _learn(received: str, presses: Iterable[KeyPress]) -> calibration.Calibration:
    """Return what the sheet shows of a reader that can be used.

    Raises:
        NotTheSheet: it is not the sheet.
        ReaderUnusable: a setting of the reader has to change first.
    """
    try:
        learnt = calibration.learn(received[: rules.MAX_RAW_LENGTH], presses)
    except BrokenStructure as error:
        refusal = _not_the_sheet(error.code, received)
        raise refusal from error
    if not learnt.is_usable:
        blocking = [rules.FINDINGS[code] for code in learnt.findings if rules.FINDINGS[code].is_blocking]
        raise ReaderUnusable(blocking[0].sentence, findings=learnt.findings, next_step=blocking[0].remedy)
    return learnt


def _not_the_sheet(code: str, received: str) -> NotTheSheet:
    if not received.strip():
        return NotTheSheet(N_("Nothing was scanned."), next_step=N_("Scan the symbol of the calibration sheet."))
    if code == "characters-merged":
        return NotTheSheet(
            N_("This computer writes the same for different characters."),
            next_step=N_("In the reader's settings, set the keyboard layout to United States, then scan again."),
        )
    if is_patient_label(received):
        return NotTheSheet(
            N_("This is the label of a patient. Nothing of it was kept."),
            next_step=N_("Scan the symbol of the calibration sheet."),
        )
    return NotTheSheet(
        N_("This is not the calibration sheet, or characters of it were lost on the way."),
        next_step=N_("Scan the sheet again, without touching the keyboard; print it anew if it is worn."),
    )
