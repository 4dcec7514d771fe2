"""Reads of the use log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select, text
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.catalogue.rules import STAYS_IN_PLACE
from tracker.devices.models import Device
from tracker.devices.queries import UnitView
from tracker.errors import N_, NotFound
from tracker.use.models import DeviceUse


class UseNotFound(NotFound):
    """No such use in this establishment."""

    code = "use-not-found"


@dataclass(frozen=True, slots=True)
class UseLine:
    """One use in the log."""

    use: DeviceUse
    reference: str
    designation: str
    lot_number: str | None
    serial_number: str | None
    sequence: int

    @property
    def unit_number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


_LINES = (
    select(
        DeviceUse,
        DeviceDefinition.reference,
        DeviceDefinition.designation,
        Device.lot_number,
        Device.serial_number,
        Device.sequence,
    )
    .join(Device, Device.id == DeviceUse.device_id)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
)


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_papers(session: Session, use_id: UUID) -> None:
    """Wait until nobody else makes the papers of one use."""
    session.execute(_LOCK, {"name": f"use-papers:{use_id}"})


def get_use(session: Session, use_id: UUID) -> UseLine:
    """Return one use.

    Raises:
        UseNotFound: there is none with this id here.
    """
    row = session.execute(_LINES.where(DeviceUse.id == use_id)).one_or_none()
    if row is None:
        raise UseNotFound(N_("There is no such use."))
    return UseLine(*row)


def next_ordinal(unit: UnitView) -> int | ScalarSelect[int]:
    """Return which use of a locked unit comes next, as a value or as the question that the insert asks."""
    if unit.definition.kind not in STAYS_IN_PLACE:
        return 1
    following = select(func.coalesce(func.max(DeviceUse.ordinal), 0) + 1)
    return following.where(DeviceUse.device_id == unit.id).scalar_subquery()


def list_uses_of_device(session: Session, device_id: UUID, *, limit: int) -> Sequence[DeviceUse]:
    """Return the uses of a unit, the one recorded last first: one at most, but of equipment and software."""
    statement = select(DeviceUse).where(DeviceUse.device_id == device_id)
    return session.scalars(statement.order_by(DeviceUse.ordinal.desc()).limit(limit)).all()


def find_use(session: Session, unit: UnitView, *, patient_id: UUID | None, day: date) -> DeviceUse | None:
    """Return the use that something which happened with a unit on a day is about; None where the log knows none.

    The one use of a unit that it ended, whoever is named; of equipment and software the last one for the patient up to
    that day, and none where no patient is named.
    """
    statement = select(DeviceUse).where(DeviceUse.device_id == unit.id)
    if unit.definition.kind in STAYS_IN_PLACE:
        statement = statement.where(DeviceUse.patient_id == patient_id, DeviceUse.used_on <= day)
    return session.scalars(statement.order_by(DeviceUse.used_on.desc(), DeviceUse.ordinal.desc()).limit(1)).first()


def list_uses(
    session: Session, *, before: tuple[date, UUID] | None, limit: int, derogation_id: UUID | None = None
) -> Sequence[UseLine]:
    """Return uses, newest first, all or those under one derogation; ``before`` is the day and id to page on from."""
    statement = _LINES.order_by(DeviceUse.used_on.desc(), DeviceUse.id.desc()).limit(limit)
    if derogation_id is not None:
        statement = statement.where(DeviceUse.derogation_id == derogation_id)
    if before is not None:
        used_on, use_id = before
        statement = statement.where(
            (DeviceUse.used_on < used_on) | ((DeviceUse.used_on == used_on) & (DeviceUse.id < use_id))
        )
    return [UseLine(*row) for row in session.execute(statement)]


def list_uses_of_patient(session: Session, patient_id: UUID) -> Sequence[UseLine]:
    """Return what was used for one patient, newest first."""
    statement = _LINES.where(DeviceUse.patient_id == patient_id).order_by(DeviceUse.used_on.desc())
    return [UseLine(*row) for row in session.execute(statement)]
