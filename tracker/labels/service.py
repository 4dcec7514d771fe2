"""Print the labels of units, every print logged; the papers they are printed on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.coverage import queries as coverage
from tracker.derogations.rules import DerogationStatus
from tracker.devices import queries as devices
from tracker.devices.queries import UnitNotFound
from tracker.errors import N_, Conflict, InvalidInput, check_same_request
from tracker.labels import queries, rules
from tracker.labels.documents import PrintJob, layout_data
from tracker.labels.models import LabelFormat, LabelJob, LabelPrint
from tracker.labels.queries import UnitToPrint
from tracker.labels.rules import Layout


class FormatNameTaken(Conflict):
    """Another format of the establishment has this name."""

    code = "label-format-name-taken"


class FormatNameMissing(InvalidInput):
    """A format has no name."""

    code = "label-format-name-missing"


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is to be printed, on what."""

    numbers: tuple[str, ...]
    layout: Layout
    used_positions: int = 0
    """Labels already taken from the first sheet."""
    reason: str = ""
    """Why labels are printed again."""


def print_labels(session: Session, job_id: UUID, *, new: NewJob, actor: Actor, now: datetime, today: date) -> PrintJob:
    """Note that labels are printed and return what they say; the same job again says the same, and is noted once.

    All or none: a unit that is not here, or no longer, stops the whole job. A label printed before is marked, and asks
    for a reason.

    Raises:
        NotPermitted: the actor may not receive.
        NothingToPrint: no unit is named, or too many.
        UnitNotFound: there is no such unit here.
        UnitGone: a unit was used, returned or destroyed.
        ReprintReasonMissing: a label was printed before, and no reason is given.
        PrintChanged: the same job was sent before, for other units.
    """
    actor.require(Permission.RECEPTION_WRITE)
    wanted = rules.check_units(new.numbers)
    used_positions = rules.check_position(new.used_positions, new.layout)
    units = _lock(session, wanted)
    existing = queries.find_job(session, job_id)
    if existing is not None:
        return _same_or_conflict(existing, units)
    for unit in units:
        rules.check_here(unit.number, unit.state)
    before = queries.list_printed_before(session, [unit.id for unit in units])
    reason = rules.check_reprint(new.reason, reprinted=len(before))
    ends = _ends(session, units, now=now, today=today)
    labels = tuple(
        queries.label_of(unit, ends[unit.reference_key], is_released=unit.is_released, is_reprint=unit.id in before)
        for unit in units
    )
    job = PrintJob(new.layout, used_positions, labels)
    _write_job(session, job_id, job, reason=reason, actor=actor, now=now)
    _write_prints(session, job_id, job, units=units, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="label:printed",
        subject=f"label_job:{job_id}" if len(units) > 1 else f"device:{units[0].id}",
        details={"numbers": " ".join(unit.number for unit in units), "reprints": str(len(before))},
        now=now,
    )
    return job


def _lock(session: Session, numbers: Sequence[str]) -> list[UnitToPrint]:
    """Return the units in the order of their numbers.

    Raises:
        UnitNotFound: there is no unit with one of the numbers here.
    """
    sequences = [devices.read_unit_number(number) for number in numbers]
    found = queries.lock_units(session, sequences)
    for number, sequence in zip(numbers, sequences, strict=True):
        if sequence not in found:
            raise UnitNotFound(
                N_("There is no unit %(number)s here."), next_step=N_("Take it off the list."), number=number
            )
    return [found[sequence] for sequence in sequences]


def _same_or_conflict(existing: PrintJob, units: Sequence[UnitToPrint]) -> PrintJob:
    if [label.unit_number for label in existing.labels] != [unit.number for unit in units]:
        raise rules.PrintChanged(N_("This print job was already sent for other units."), next_step=N_("Start again."))
    return existing


def _ends(
    session: Session, units: Iterable[UnitToPrint], *, now: datetime, today: date
) -> Mapping[tuple[UUID, str], date | None]:
    """Return the last day of the derogation that the labels of each reference may name; two SQL for each reference.

    It is in force today and lists the reference; None where there is none.
    """
    ends: dict[tuple[UUID, str], date | None] = {}
    for manufacturer_id, reference in {unit.reference_key for unit in units}:
        coverages = coverage.find_coverage(
            session, manufacturer_id=manufacturer_id, reference=reference, day=today, known_at=now
        )
        usable = (one for one in coverages if one.is_listed and one.standing.status is DerogationStatus.IN_FORCE)
        ends[manufacturer_id, reference] = next((one.standing.valid_until for one in usable), None)
    return ends


def _write_job(session: Session, job_id: UUID, job: PrintJob, *, reason: str, actor: Actor, now: datetime) -> None:
    values = {
        "id": job_id,
        "establishment_id": actor.establishment_id,
        "layout": layout_data(job.layout, used_positions=job.used_positions),
        "reason": reason,
        "at": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
    }
    kept = session.scalar(upsert(LabelJob).values(values).on_conflict_do_nothing().returning(LabelJob.id))
    check_same_request(is_same=kept is not None)  # the id of a job of another establishment, which nobody sees here


def _write_prints(
    session: Session, job_id: UUID, job: PrintJob, *, units: Sequence[UnitToPrint], actor: Actor, now: datetime
) -> None:
    rows = [
        {
            "id": db.new_id(),
            "establishment_id": actor.establishment_id,
            "device_id": unit.id,
            "at": now,
            "actor_id": actor.id,
            "job_id": job_id,
            "position": position,
            "is_reprint": label.is_reprint,
            "is_released": label.is_released,
            "derogation_until": label.derogation_until,
        }
        for position, (unit, label) in enumerate(zip(units, job.labels, strict=True))
    ]
    session.execute(insert(LabelPrint), rows)


def add_format(
    session: Session, format_id: UUID, *, name: str, layout: Layout, actor: Actor, now: datetime
) -> LabelFormat:
    """Add a paper that labels can be printed on; the same request again is the same format.

    Raises:
        NotPermitted: the actor may not receive.
        FormatNameMissing: it has no name.
        LayoutInvalid: the labels do not fit.
        FormatNameTaken: another one has this name.
        RequestIdReused: the id belongs to another format.
    """
    actor.require(Permission.RECEPTION_WRITE)
    name = " ".join(name.split())
    if not name:
        raise FormatNameMissing(N_("Give the format a name."), fields={"name": N_("Write a name, as on the pack.")})
    rules.check_layout(layout)
    values = asdict(layout) | {
        "id": format_id,
        "establishment_id": actor.establishment_id,
        "name": name,
        "is_default": False,
        "created_at": now,
        "created_by_id": actor.id,
    }
    added: LabelFormat | None = session.scalar(
        upsert(LabelFormat).values(values).on_conflict_do_nothing().returning(LabelFormat)
    )
    if added is None:
        return _added_before(session, format_id, name=name, layout=layout)
    _audit_format(session, added, "label_format:added", actor=actor, now=now)
    return added


def _added_before(session: Session, format_id: UUID, *, name: str, layout: Layout) -> LabelFormat:
    existing = session.get(LabelFormat, format_id)
    if existing is None:
        raise FormatNameTaken(
            N_("Another format has this name."), next_step=N_("Choose another name, or retire the other format first.")
        )
    check_same_request(is_same=(existing.name, existing.layout()) == (name, layout))
    return existing


def choose_default_format(session: Session, format_id: UUID, *, actor: Actor, now: datetime) -> LabelFormat:
    """Make one format the usual one.

    Raises:
        NotPermitted: the actor may not receive.
        FormatNotFound: there is none with this id here, or it is retired.
    """
    actor.require(Permission.RECEPTION_WRITE)
    chosen = _get_kept(session, format_id)
    if not chosen.is_default:
        session.execute(update(LabelFormat).where(LabelFormat.is_default).values(is_default=False))
        chosen.is_default = True
        _audit_format(session, chosen, "label_format:chosen", actor=actor, now=now)
    return chosen


def retire_format(session: Session, format_id: UUID, *, actor: Actor, now: datetime) -> LabelFormat:
    """Retire a format: it is offered no longer; what was printed on it stays in the log.

    Raises:
        NotPermitted: the actor may not receive.
        FormatNotFound: there is none with this id here.
    """
    actor.require(Permission.RECEPTION_WRITE)
    retired = queries.get_own_format(session, format_id)
    if retired.retired_at is None:
        retired.retired_at = now
        _audit_format(session, retired, "label_format:retired", actor=actor, now=now)
    return retired


def _get_kept(session: Session, format_id: UUID) -> LabelFormat:
    found = queries.get_own_format(session, format_id)
    if found.retired_at is not None:
        raise queries.FormatNotFound(N_("This format is retired."), next_step=N_("Choose one of the list."))
    return found


def _audit_format(session: Session, row: LabelFormat, action: str, *, actor: Actor, now: datetime) -> None:
    audit.append(
        session,
        actor=actor,
        action=action,
        subject=f"label_format:{row.id}",
        details={"name": row.name, "size": f"{row.width_mm:g} x {row.height_mm:g} mm"},
        now=now,
    )
