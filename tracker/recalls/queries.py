"""Reads of a lot: where its units are, and who carries them."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import case, func, select, text
from sqlalchemy.orm import Session, aliased

from scanners.udi import unit as unit_label
from tracker.catalogue import queries as catalogue
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.devices import queries as devices
from tracker.devices.models import Device, Movement
from tracker.devices.rules import USABLE, UnitState
from tracker.lots import queries as lots
from tracker.organisation.models import Ward
from tracker.outcomes.models import Explantation
from tracker.outcomes.queries import EXPLANTATION_STANDS
from tracker.patients import queries as patients
from tracker.patients.queries import PatientView
from tracker.use.models import DeviceUse
from tracker.use.queries import STANDING

_AWAY = (UnitState.DELIVERED, UnitState.FAILED)
# states in which a unit is where it was last delivered


@dataclass(frozen=True, slots=True)
class RecalledUnit:
    """One unit of a lot: where it is, or in whom; once for each of its uses, and once where it was never used."""

    patient: PatientView | None
    device_id: UUID
    sequence: int
    definition_id: UUID
    reference: str
    designation: str
    manufacturer_name: str
    serial_number: str | None
    expiration_date: date | None
    state: UnitState
    open_hold_count: int
    ward_name: str | None
    """Of the delivery, or of the use."""
    use_id: UUID | None
    used_on: date | None
    operator_name: str | None
    explanted_on: date | None

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def may_still_be_used(self) -> bool:
        """Test whether nothing stops somebody from using it."""
        return self.state in USABLE and self.open_hold_count == 0


@dataclass(frozen=True, slots=True)
class Place:
    """How many units of a lot are in one state in one place."""

    state: UnitState
    ward_name: str | None
    count: int
    held_count: int = 0
    """How many of them are on hold."""


@dataclass(frozen=True, slots=True)
class RecallView:
    """The answer to "which patients carry this lot, and where is the rest"."""

    lot_number: str
    lines: tuple[RecalledUnit, ...]
    lot_hold_count: int
    """Holds on the whole lot that are open: units received later are quarantined."""

    @property
    def units(self) -> tuple[RecalledUnit, ...]:
        """Return each unit once, with its last use."""
        return tuple({line.device_id: line for line in self.lines}.values())

    @property
    def carriers(self) -> tuple[RecalledUnit, ...]:
        """Return the uses of what was not taken out of its patient again, latest first."""
        return tuple(line for line in self.uses if line.explanted_on is None)

    @property
    def uses(self) -> tuple[RecalledUnit, ...]:
        """Return the uses for a patient, latest first."""
        used = [line for line in self.lines if line.patient is not None]
        return tuple(sorted(used, key=lambda unit: (unit.used_on or date.min, unit.sequence), reverse=True))

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the units counted by state and ward."""
        found: dict[tuple[UnitState, str | None], list[RecalledUnit]] = {}
        for unit in self.units:
            found.setdefault((unit.state, unit.ward_name), []).append(unit)
        ordered = sorted(found.items(), key=lambda item: (item[0][0].value, item[0][1] or ""))
        return tuple(
            Place(state, ward, len(units), sum(unit.open_hold_count > 0 for unit in units))
            for (state, ward), units in ordered
        )

    @property
    def usable_count(self) -> int:
        """Return how many units nothing stops somebody from using."""
        return sum(unit.may_still_be_used for unit in self.units)


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_recall(session: Session, request_id: UUID) -> None:
    """Wait until nobody else works on the same request."""
    session.execute(_LOCK, {"name": f"recall:{request_id}"})


_Recorded = aliased(DeviceDefinition)
"""The definition under which a unit was recorded; since a merge, another one is used instead."""


def recall(session: Session, *, lot_number: str, definition_id: UUID | None = None) -> RecallView:
    """Return every unit of a lot, where it is and who carries it; three SQL, whatever the lot's size.

    Definitions merged into one are one device: its units stand under the definition that is used.
    """
    last_ward = (
        select(Ward.name)
        .join(Movement, Movement.ward_id == Ward.id)
        .where(Movement.device_id == Device.id)
        .order_by(Movement.at.desc(), Movement.id.desc())
        .limit(1)
        .correlate(Device)
        .scalar_subquery()
    )
    use_ward = select(Ward.name).where(Ward.id == DeviceUse.ward_id).correlate(DeviceUse).scalar_subquery()
    statement = (
        select(
            Device.id,
            Device.sequence,
            DeviceDefinition.id,
            DeviceDefinition.reference,
            DeviceDefinition.designation,
            Manufacturer.name,
            Device.serial_number,
            Device.expiration_date,
            Device.state,
            devices.OPEN_HOLD_COUNT,
            func.coalesce(use_ward, case((Device.state.in_(_AWAY), last_ward))),
            DeviceUse.id,
            DeviceUse.used_on,
            DeviceUse.operator_name,
            Explantation.explanted_on,
            DeviceUse.patient_id,
        )
        .select_from(Device)
        .join(_Recorded, _Recorded.id == Device.definition_id)
        .join(DeviceDefinition, DeviceDefinition.id == func.coalesce(_Recorded.merged_into_id, _Recorded.id))
        .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
        .outerjoin(DeviceUse, (DeviceUse.device_id == Device.id) & STANDING)
        .outerjoin(Explantation, (Explantation.device_id == DeviceUse.device_id) & EXPLANTATION_STANDS)
        .where(Device.lot_number == lot_number)
        .order_by(Device.sequence, DeviceUse.ordinal)
    )
    if definition_id is not None:
        statement = statement.where(Device.definition_id.in_(catalogue.family_of(definition_id)))
    rows = session.execute(statement).all()
    known = patients.list_patients(session, [row[-1] for row in rows if row[-1] is not None])
    lines = tuple(RecalledUnit(known.get(row[-1]), *row[:-1]) for row in rows)
    return RecallView(lot_number, lines, lots.count_lot_holds(session, lot_number, definition_id))
