"""The labels of units, on a sheet or on a roll."""

from typing import Final, Literal, TypedDict

from tracker.documents.documents import DocumentHead


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


# Common A4 sheets of 21 (63.5 by 38.1 mm) and 24 (70 by 37 mm) labels, and a roll; sizes as printed on their packs.
SHEET_OF_21: Final = LabelLayout(
    paper="a4",
    width_mm=63.5,
    height_mm=38.1,
    columns=3,
    rows=7,
    margin_top_mm=15.15,
    margin_left_mm=7.25,
    gap_x_mm=2.5,
    gap_y_mm=0,
    used_positions=0,
)
SHEET_OF_24: Final = LabelLayout(
    paper="a4",
    width_mm=70,
    height_mm=37,
    columns=3,
    rows=8,
    margin_top_mm=0.5,
    margin_left_mm=0,
    gap_x_mm=0,
    gap_y_mm=0,
    used_positions=0,
)
ROLL: Final = LabelLayout(
    paper="roll",
    width_mm=62,
    height_mm=38,
    columns=1,
    rows=1,
    margin_top_mm=0,
    margin_left_mm=0,
    gap_x_mm=0,
    gap_y_mm=0,
    used_positions=0,
)


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
