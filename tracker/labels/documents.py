"""The labels of units, on a sheet or on a roll."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypedDict

from scanners.symbols import code128, datamatrix
from tracker.documents.documents import DocumentHead, Locale
from tracker.labels.rules import Layout
from tracker.organisation.models import Establishment


class LabelLayout(TypedDict):
    """Where labels lie, in millimetres."""

    paper: Literal["a4", "roll"]
    """A roll has one label per page, and ignores everything but the size of the label."""
    width_mm: float
    height_mm: float
    columns: int
    rows: int
    margin_top_mm: float
    margin_left_mm: float
    gap_x_mm: float
    gap_y_mm: float
    used_positions: int
    """Labels already taken from the first sheet, counted along the rows."""


class LabelData(TypedDict):
    """The label of one unit; an absent value is an empty text."""

    unit_number: str
    data_matrix: str
    """SVG of the unit number."""
    code128: str
    """SVG of the unit number."""
    designation: str
    manufacturer: str
    reference: str
    lot: str
    serial: str
    expires_on: str
    """ISO date, last day included."""
    derogation_until: str
    """ISO date, last day included; empty when no derogation covers the unit."""
    outcome: Literal["accepted", "quarantined"]
    """A refused box has no label."""
    reprint: bool


class LabelsData(DocumentHead):
    """One or many labels."""

    layout: LabelLayout
    labels: list[LabelData]


@dataclass(frozen=True, slots=True)
class PrintedLabel:
    """What the label of one unit says."""

    unit_number: str
    designation: str
    manufacturer: str
    reference: str
    lot_number: str | None
    serial_number: str | None
    expires_on: date | None
    derogation_until: date | None
    """None where no derogation is in force."""
    is_released: bool
    is_reprint: bool


@dataclass(frozen=True, slots=True)
class PrintJob:
    """Labels printed together."""

    layout: Layout
    used_positions: int
    labels: tuple[PrintedLabel, ...]


def labels_data(job: PrintJob, *, establishment: Establishment, locale: Locale, generated_at: datetime) -> LabelsData:
    """Return what a print job prints; ``generated_at`` is on the hospital's clock."""
    return LabelsData(
        locale=locale,
        document_number=job.labels[0].unit_number,
        generated_at=generated_at.isoformat(timespec="seconds"),
        establishment={"name": establishment.name, "address": establishment.address, "phone": establishment.phone},
        demonstration=establishment.is_demonstration,
        layout=layout_data(job.layout, used_positions=job.used_positions),
        labels=[_label(one) for one in job.labels],
    )


def layout_data(layout: Layout, *, used_positions: int) -> LabelLayout:
    """Return where labels lie, as the template reads it and as a print job keeps it."""
    return LabelLayout(
        paper=layout.paper.value,
        width_mm=layout.width_mm,
        height_mm=layout.height_mm,
        columns=layout.columns,
        rows=layout.rows,
        margin_top_mm=layout.margin_top_mm,
        margin_left_mm=layout.margin_left_mm,
        gap_x_mm=layout.gap_x_mm,
        gap_y_mm=layout.gap_y_mm,
        used_positions=used_positions,
    )


def _label(label: PrintedLabel) -> LabelData:
    return LabelData(
        unit_number=label.unit_number,
        data_matrix=datamatrix.svg(label.unit_number),
        code128=code128.svg(label.unit_number),
        designation=label.designation,
        manufacturer=label.manufacturer,
        reference=label.reference,
        lot=label.lot_number or "",
        serial=label.serial_number or "",
        expires_on=str(label.expires_on or ""),
        derogation_until=str(label.derogation_until or ""),
        outcome="accepted" if label.is_released else "quarantined",
        reprint=label.is_reprint,
    )
