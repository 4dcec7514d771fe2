"""Papers that labels fit on, and what may be printed again. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.devices.rules import GONE, UnitState
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused


class Paper(enum.StrEnum):
    """What labels are printed on. Stored: a change needs a migration."""

    A4 = "a4"
    ROLL = "roll"


A4_MM = (210.0, 297.0)
"""ISO 216."""
SMALLEST_MM = (44.0, 27.0)
"""Both symbols are still read back from a 203 dpi print of this size (tests/unit/documents/test_label_papers.py)."""
LARGEST_MM = (110.0, 200.0)
MOST_LABELS = 500
"""Labels of one print job: two deliveries of the largest kind."""
_ROUNDING_MM = 0.05


class LayoutInvalid(InvalidInput):
    """A format of labels does not fit its paper, or cannot be read."""

    code = "label-layout-invalid"


class UnitGone(RuleRefused):
    """No label is printed for a unit that is gone: it could only be stuck on another box."""

    code = "label-unit-gone"


class ReprintReasonMissing(InvalidInput):
    """A label was printed before: printing it again needs a reason."""

    code = "label-reprint-reason-missing"


class NothingToPrint(InvalidInput):
    """No unit was named, or too many."""

    code = "label-units-missing"


class PrintChanged(Conflict):
    """The same print job was sent before, for other units."""

    code = "label-job-changed"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where labels lie, in millimetres. A roll has one label per page and nothing but the size of the label."""

    paper: Paper
    width_mm: float
    height_mm: float
    columns: int = 1
    rows: int = 1
    margin_top_mm: float = 0
    margin_left_mm: float = 0
    gap_x_mm: float = 0
    gap_y_mm: float = 0

    @property
    def count(self) -> int:
        """Return how many labels one page holds."""
        return self.columns * self.rows


# A roll, and common A4 sheets of 21 (63.5 by 38.1 mm) and 24 (70 by 37 mm) labels; sizes as printed on their packs.
BUILT_IN: Mapping[str, Layout] = {
    "roll": Layout(Paper.ROLL, 62, 38),
    "sheet21": Layout(Paper.A4, 63.5, 38.1, columns=3, rows=7, margin_top_mm=15.15, margin_left_mm=7.25, gap_x_mm=2.5),
    "sheet24": Layout(Paper.A4, 70, 37, columns=3, rows=8, margin_top_mm=0.5),
}
BUILT_IN_LABELS: Mapping[str, str] = {
    "roll": N_("Roll, 62 × 38 mm"),
    "sheet21": N_("A4 sheet of 21 labels, 63.5 × 38.1 mm"),
    "sheet24": N_("A4 sheet of 24 labels, 70 × 37 mm"),
}


def check_layout(layout: Layout) -> None:
    """Check that labels can be read and lie on their paper.

    Raises:
        LayoutInvalid: each field that does not fit is named.
    """
    fields = dict([*_size_problems(layout), *(_sheet_problems(layout) if layout.paper is Paper.A4 else ())])
    if fields:
        raise LayoutInvalid(
            N_("This format cannot be printed. Nothing was kept."),
            fields=fields,
            next_step=N_("Correct the fields named below; what you typed is kept."),
        )


def _size_problems(layout: Layout) -> Iterable[tuple[str, str]]:
    if not SMALLEST_MM[0] <= layout.width_mm <= (LARGEST_MM[0] if layout.paper is Paper.ROLL else A4_MM[0]):
        yield "width_mm", N_("A label is between 44 and 110 mm wide; on a sheet, at most 210.")
    if not SMALLEST_MM[1] <= layout.height_mm <= LARGEST_MM[1]:
        yield "height_mm", N_("A label is between 27 and 200 mm high.")


def _sheet_problems(layout: Layout) -> Iterable[tuple[str, str]]:
    for name in ("margin_top_mm", "margin_left_mm", "gap_x_mm", "gap_y_mm"):
        if getattr(layout, name) < 0:
            yield name, N_("A distance is not negative.")
    if layout.columns < 1:
        yield "columns", N_("There is at least one.")
    elif layout.margin_left_mm + _extent(layout.columns, layout.width_mm, layout.gap_x_mm) > A4_MM[0]:
        yield "columns", N_("The labels are wider than the sheet (210 mm).")
    if layout.rows < 1:
        yield "rows", N_("There is at least one.")
    elif layout.margin_top_mm + _extent(layout.rows, layout.height_mm, layout.gap_y_mm) > A4_MM[1]:
        yield "rows", N_("The labels are higher than the sheet (297 mm).")


def _extent(count: int, size: float, gap: float) -> float:
    return count * size + (count - 1) * gap - _ROUNDING_MM


def check_position(used_positions: int, layout: Layout) -> int:
    """Return how many places of the first sheet are taken; a roll has none.

    Raises:
        LayoutInvalid: the sheet has not so many.
    """
    if layout.paper is Paper.ROLL:
        return 0
    if not 0 <= used_positions < layout.count:
        raise LayoutInvalid(
            N_("The sheet has no such place."),
            fields={"used_positions": N_("Give how many labels of the sheet are gone already.")},
        )
    return used_positions


def check_units(numbers: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers to print, each once, in the order given.

    Raises:
        NothingToPrint: none was given, or too many.
    """
    wanted = tuple(dict.fromkeys(number.strip().upper() for number in numbers if number.strip()))
    if not wanted or len(wanted) > MOST_LABELS:
        raise NothingToPrint(
            N_("Give between 1 and %(most)s unit numbers."),
            fields={"numbers": N_("Scan or type the numbers of the units, T59…")},
            most=MOST_LABELS,
        )
    return wanted


def check_here(number: str, state: UnitState) -> None:
    """Check that a unit is still here.

    Raises:
        UnitGone: it was used, returned or destroyed, or its receipt was taken back.
    """
    if state in GONE:
        raise UnitGone(
            N_("The unit %(number)s is no longer here: no label is printed for it."),
            next_step=N_("Take it off the list. If its box is in your hand, tell the pharmacist in charge."),
            number=number,
        )


def check_reprint(reason: str, *, reprinted: int) -> str:
    """Return the reason for printing labels again, without outer spaces; empty where none is a reprint.

    Raises:
        ReprintReasonMissing: a label was printed before, and no reason is given.
    """
    if reprinted and not reason.strip():
        raise ReprintReasonMissing(
            N_("%(count)s of these labels were printed before. Nothing was printed."),
            fields={"reason": N_("Say why they are printed again: torn, not printed, lost…")},
            next_step=N_("Write the reason: the labels will be marked as reprints."),
            count=reprinted,
        )
    return reason.strip() if reprinted else ""
