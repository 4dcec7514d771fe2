"""Print the labels of units; every print is logged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.derogations.queries import Coverage
from tracker.derogations.rules import DerogationStatus
from tracker.devices import queries as devices
from tracker.devices.queries import UnitView
from tracker.labels import queries
from tracker.labels.models import LabelPrint


@dataclass(frozen=True, slots=True)
class PrintedLabel:
    """What the label of one unit says."""

    unit: UnitView
    derogation_until: date | None
    is_reprint: bool


def print_label(
    session: Session, print_id: UUID, *, number: str, actor: Actor, now: datetime, today: date
) -> PrintedLabel:
    """Note that the label of a unit is printed and return what it says; the second print is marked.

    Raises:
        NotPermitted: the actor may not receive.
        UnitNotFound: there is no such unit here.
    """
    actor.require(Permission.RECEPTION_WRITE)
    unit = devices.get_unit_for_update(session, number)
    coverages = derogations.find_coverage(
        session,
        manufacturer_id=unit.definition.manufacturer_id,
        reference=unit.definition.reference,
        day=today,
        known_at=now,
    )
    is_reprint = queries.count_earlier_prints(session, unit.id, besides=print_id) > 0
    values = {
        "id": print_id,
        "establishment_id": actor.establishment_id,
        "device_id": unit.id,
        "at": now,
        "actor_id": actor.id,
    }
    if session.scalar(upsert(LabelPrint).values(values).on_conflict_do_nothing().returning(LabelPrint.id)):
        audit.append(
            session,
            actor=actor,
            action="label:printed",
            subject=f"device:{unit.id}",
            details={"number": unit.number, "reprint": str(is_reprint).lower()},
            now=now,
        )
    return PrintedLabel(unit, _derogation_until(coverages), is_reprint)


def _derogation_until(coverages: Iterable[Coverage]) -> date | None:
    """Return the last day of the derogation a label may name: in force today, and with the reference in its scope."""
    usable = (one for one in coverages if one.is_listed and one.standing.status is DerogationStatus.IN_FORCE)
    return next((one.standing.valid_until for one in usable), None)
