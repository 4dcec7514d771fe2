"""Reads of label formats, of units to print, and of the log of printed labels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session, aliased

from scanners.udi import unit as unit_label
from tracker.catalogue.models import DeviceDefinition, Manufacturer
from tracker.devices.models import Device
from tracker.devices.queries import OPEN_HOLD_COUNT, UNIT_COLUMNS
from tracker.devices.rules import UnitState, is_usable
from tracker.errors import N_, NotFound
from tracker.labels.documents import PrintedLabel, PrintJob
from tracker.labels.models import LabelFormat, LabelJob, LabelPrint
from tracker.labels.rules import BUILT_IN, BUILT_IN_LABELS, Layout, Paper


class FormatNotFound(NotFound):
    """No such format of labels in this establishment."""

    code = "label-format-not-found"


@dataclass(frozen=True, slots=True)
class Format:
    """A paper that labels can be printed on."""

    key: str
    """Name of a built-in one, or id of one of the establishment's."""
    name: str
    layout: Layout
    is_default: bool
    is_built_in: bool
    """Its name is a text of the program, to be translated where it is shown."""


@dataclass(frozen=True, slots=True)
class UnitToPrint:
    """One unit as its label needs it."""

    id: UUID
    sequence: int
    state: UnitState
    lot_number: str | None
    serial_number: str | None
    expiration_date: date | None
    reference: str
    designation: str
    manufacturer_id: UUID
    manufacturer_name: str
    open_hold_count: int

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)

    @property
    def reference_key(self) -> tuple[UUID, str]:
        """Return what the register knows the device by: its manufacturer and its reference."""
        return self.manufacturer_id, self.reference

    @property
    def is_released(self) -> bool:
        """Test whether nothing stops it from being used."""
        return is_usable(self.state, self.open_hold_count)


@dataclass(frozen=True, slots=True)
class PrintLine:
    """One line of the log."""

    id: UUID
    sequence: int
    at: datetime
    actor_name: str | None
    """None for labels printed before jobs were kept."""
    is_reprint: bool
    reason: str | None

    @property
    def unit_number(self) -> str:
        """Return the number on the label."""
        return unit_label.format(self.sequence)


def list_formats(session: Session) -> Sequence[Format]:
    """Return the papers labels can be printed on: the establishment's, by name, then the built-in ones; one SQL."""
    statement = select(LabelFormat).where(LabelFormat.retired_at.is_(None)).order_by(LabelFormat.name)
    own = [_own(row) for row in session.scalars(statement)]
    has_default = any(one.is_default for one in own)
    built_in = [
        Format(key, BUILT_IN_LABELS[key], layout, is_default=not has_default and key == "roll", is_built_in=True)
        for key, layout in BUILT_IN.items()
    ]
    return [*own, *built_in]


def _own(row: LabelFormat) -> Format:
    return Format(str(row.id), row.name, row.layout(), row.is_default, is_built_in=False)


def find_format(session: Session, key: str) -> Format:
    """Return the format of a key; without one, the establishment's usual format.

    Raises:
        FormatNotFound: there is none with this key here.
    """
    for one in list_formats(session):
        if one.key == key or (not key and one.is_default):
            return one
    raise FormatNotFound(N_("There is no such format of labels."), next_step=N_("Choose one of the list."))


def get_own_format(session: Session, format_id: UUID) -> LabelFormat:
    """Return a format of the establishment that nobody else can change meanwhile.

    Raises:
        FormatNotFound: there is none with this id here.
    """
    row = session.scalar(select(LabelFormat).where(LabelFormat.id == format_id).with_for_update())
    if row is None:
        raise FormatNotFound(N_("There is no such format of labels."), next_step=N_("Choose one of the list."))
    return row


_UNITS = (
    select(*UNIT_COLUMNS, Manufacturer.id, Manufacturer.name, OPEN_HOLD_COUNT)
    .join(DeviceDefinition, DeviceDefinition.id == Device.definition_id)
    .join(Manufacturer, Manufacturer.id == DeviceDefinition.manufacturer_id)
)


def lock_units(session: Session, sequences: Collection[int]) -> dict[int, UnitToPrint]:
    """Return units that nobody else can print or move meanwhile, by sequence; one SQL."""
    statement = (
        _UNITS.where(Device.sequence.in_(sequences))
        .order_by(Device.sequence)
        .with_for_update(of=Device, key_share=True)
    )
    return {row.sequence: UnitToPrint(*row) for row in session.execute(statement)}


def list_printed_before(session: Session, device_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of some units whose label was printed before; one SQL."""
    return frozenset(session.scalars(select(LabelPrint.device_id).where(LabelPrint.device_id.in_(device_ids))))


def find_job(session: Session, job_id: UUID) -> PrintJob | None:
    """Return what a print job printed, word for word; None where there is none with this id here."""
    job = session.get(LabelJob, job_id)
    if job is None:
        return None
    statement = _UNITS.add_columns(LabelPrint.is_reprint, LabelPrint.is_released, LabelPrint.derogation_until)
    statement = statement.join(LabelPrint, LabelPrint.device_id == Device.id).where(LabelPrint.job_id == job_id)
    labels = []
    for row in session.execute(statement.order_by(LabelPrint.position)):
        *unit, is_reprint, is_released, until = row
        labels.append(label_of(UnitToPrint(*unit), until, is_released=is_released, is_reprint=is_reprint))
    layout = {name: value for name, value in job.layout.items() if name != "used_positions"}
    return PrintJob(
        Layout(**layout | {"paper": Paper(layout["paper"])}), int(job.layout["used_positions"]), tuple(labels)
    )


def label_of(unit: UnitToPrint, until: date | None, *, is_released: bool, is_reprint: bool) -> PrintedLabel:
    """Return what the label of a unit says."""
    return PrintedLabel(
        unit_number=unit.number,
        designation=unit.designation,
        manufacturer=unit.manufacturer_name,
        reference=unit.reference,
        lot_number=unit.lot_number,
        serial_number=unit.serial_number,
        expires_on=unit.expiration_date,
        derogation_until=until,
        is_released=is_released,
        is_reprint=is_reprint,
    )


_earlier = aliased(LabelPrint)
_IS_REPRINT = func.coalesce(
    LabelPrint.is_reprint,
    select(_earlier.id)
    .where(
        _earlier.device_id == LabelPrint.device_id,
        tuple_(_earlier.at, _earlier.id) < tuple_(LabelPrint.at, LabelPrint.id),
    )
    .exists(),
)
_LOG = (
    select(LabelPrint.id, Device.sequence, LabelPrint.at, LabelJob.actor_name, _IS_REPRINT, LabelJob.reason)
    .join(Device, Device.id == LabelPrint.device_id)
    .outerjoin(LabelJob, LabelJob.id == LabelPrint.job_id)
    .order_by(LabelPrint.at.desc(), LabelPrint.id.desc())
)


def list_prints(
    session: Session, *, limit: int, before: UUID | None = None, sequence: int | None = None
) -> Sequence[PrintLine]:
    """Return printed labels, newest first, those before the print ``before``, of all units or of one; one SQL."""
    statement = _LOG.limit(limit)
    if sequence is not None:
        statement = statement.where(Device.sequence == sequence)
    if before is not None:
        last = aliased(LabelPrint)
        place = select(last.at, last.id).where(last.id == before).scalar_subquery()
        statement = statement.where(tuple_(LabelPrint.at, LabelPrint.id) < place)
    return [PrintLine(*row) for row in session.execute(statement)]
