"""Reads of the use log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select, text
from sqlalchemy.orm import Session

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition
from tracker.catalogue.rules import STAYS_IN_PLACE
from tracker.devices.models import Device
from tracker.devices.queries import UnitView
from tracker.errors import N_, NotFound
from tracker.use.models import DeviceUse, UseCorrection


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


STANDING: ColumnElement[bool] = ~select(UseCorrection.id).where(UseCorrection.use_id == DeviceUse.id).exists()
"""Selects the records of uses that no correction took back: whoever counts or lists uses asks for these."""

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


def next_ordinal(unit: UnitView) -> ScalarSelect[int]:
    """Return which use of a locked unit comes next, as the question that the insert asks."""
    if unit.definition.kind in STAYS_IN_PLACE:
        return ordinal_after(unit.id)
    corrected = (
        select(func.count() + 1).select_from(UseCorrection).join(DeviceUse, DeviceUse.id == UseCorrection.use_id)
    )
    return corrected.where(DeviceUse.device_id == unit.id).scalar_subquery()


def ordinal_after(device_id: UUID) -> ScalarSelect[int]:
    """Return the question for the number that follows the last record of a unit."""
    following = select(func.coalesce(func.max(DeviceUse.ordinal), 0) + 1)
    return following.where(DeviceUse.device_id == device_id).scalar_subquery()


def list_uses_of_device(session: Session, device_id: UUID, *, limit: int) -> Sequence[DeviceUse]:
    """Return every record of a use of a unit, corrected ones too, the last one first."""
    statement = select(DeviceUse).where(DeviceUse.device_id == device_id)
    return session.scalars(statement.order_by(DeviceUse.ordinal.desc()).limit(limit)).all()


def find_use(session: Session, unit: UnitView, *, patient_id: UUID | None, day: date) -> DeviceUse | None:
    """Return the use that something which happened with a unit on a day is about; None where the log knows none.

    The one use of a unit that it ended, whoever is named; of equipment and software the last one for the patient up to
    that day, and none where no patient is named.
    """
    statement = select(DeviceUse).where(DeviceUse.device_id == unit.id, STANDING)
    if unit.definition.kind in STAYS_IN_PLACE:
        statement = statement.where(DeviceUse.patient_id == patient_id, DeviceUse.used_on <= day)
    return session.scalars(statement.order_by(DeviceUse.used_on.desc(), DeviceUse.ordinal.desc()).limit(1)).first()


def list_uses(
    session: Session, *, before: tuple[date, UUID] | None, limit: int, derogation_id: UUID | None = None
) -> Sequence[UseLine]:
    """Return the uses that stand, newest first, all or those under one derogation.

    ``before`` is the day and id to page on from.
    """
    statement = _LINES.where(STANDING).order_by(DeviceUse.used_on.desc(), DeviceUse.id.desc()).limit(limit)
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
    statement = _LINES.where(DeviceUse.patient_id == patient_id, STANDING).order_by(DeviceUse.used_on.desc())
    return [UseLine(*row) for row in session.execute(statement)]


def find_standing(session: Session, use_id: UUID | None) -> DeviceUse | None:
    """Return the record that stands today for a use; None where it was withdrawn, or none is named."""
    of_one = select(DeviceUse.origin_id).where(DeviceUse.id == use_id).scalar_subquery()
    return session.scalar(select(DeviceUse).where(DeviceUse.origin_id == of_one, STANDING))


def list_records(session: Session, use: DeviceUse) -> Sequence[DeviceUse]:
    """Return every record of one use, the first one first."""
    statement = select(DeviceUse).where(DeviceUse.origin_id == use.origin_id)
    return session.scalars(statement.order_by(DeviceUse.ordinal)).all()


def list_corrections(session: Session, device_id: UUID, *, limit: int) -> Sequence[UseCorrection]:
    """Return the corrections of uses of a unit, the last one first."""
    statement = select(UseCorrection).join(DeviceUse, DeviceUse.id == UseCorrection.use_id)
    statement = statement.where(DeviceUse.device_id == device_id)
    return session.scalars(statement.order_by(UseCorrection.recorded_at.desc()).limit(limit)).all()


def find_correction(session: Session, use_id: UUID) -> UseCorrection | None:
    """Return the correction that took a record back, None where it stands."""
    return session.scalar(select(UseCorrection).where(UseCorrection.use_id == use_id))


def is_counted(session: Session, *, derogation_id: UUID, patient_id: UUID) -> bool:
    """Test whether a use for a patient under a derogation stands."""
    statement = select(DeviceUse.id).where(
        DeviceUse.derogation_id == derogation_id, DeviceUse.patient_id == patient_id, STANDING
    )
    return session.scalar(statement.limit(1)) is not None


def used_under(derogation_id: UUID) -> Select[UUID]:
    """Return the question for the units that were used under a derogation."""
    return select(DeviceUse.device_id).where(DeviceUse.derogation_id == derogation_id, STANDING)
