"""What the stock is narrowed to, where a page of it begins, and how its pictures are counted. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from tracker.devices.rules import UnitState
from tracker.errors import N_, InvalidInput

MOST_XLSX_ROWS = 100_000
"""Rows of one XLSX export: a worksheet holds 1,048,576 (ECMA-376 part 1, 18.3.1.73), but nobody opens that many."""

IN_STOCK = (UnitState.RELEASED, UnitState.DELIVERED, UnitState.QUARANTINED)
"""States of what is in the hospital, in the order of the picture."""


class ExportTooLarge(InvalidInput):
    """An XLSX export of more rows than a spreadsheet is opened with."""

    code = "export-too-large"


@dataclass(frozen=True, slots=True)
class StockFilters:
    """What a list of units is narrowed to."""

    text: str = ""
    """The whole of a unit number, a lot, a serial number, a reference or a UDI-DI, or the beginning of a name."""
    state: UnitState | None = None
    ward_id: UUID | None = None
    derogation_id: UUID | None = None
    definition_ids: tuple[UUID, ...] | None = None
    """Devices that the derogation lists; None where the stock is not narrowed to one."""
    expires_until: date | None = None
    """On hand, and the last day of use is this one or earlier."""
    end: str = ""
    """On hand, and in this group of ``END_CODES`` by the end of its derogation; empty where that does not matter."""

    @property
    def is_by_shelf_life(self) -> bool:
        """Test whether the list runs from the first shelf life that ends, instead of from the newest unit."""
        return self.expires_until is not None and not (self.text or self.ward_id or self.definition_ids is not None)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the stock begins: behind this unit."""

    sequence: int
    expiration_date: date | None = None

    def __str__(self) -> str:
        return f"{self.expiration_date.isoformat()}.{self.sequence}" if self.expiration_date else str(self.sequence)


def read_position(text: str) -> Position | None:
    """Return the position that an address carries, None where it carries none or something else.

    >>> read_position("2027-01-31.12")
    Position(sequence=12, expiration_date=datetime.date(2027, 1, 31))
    >>> str(read_position("12")), read_position("x")
    ('12', None)
    """
    day, _, number = text.rpartition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= 18):  # noqa: PLR2004 - digits of a bigint
        return None
    try:
        return Position(int(number), date.fromisoformat(day) if day else None)
    except ValueError:
        return None


def check_export(count: int) -> None:
    """Check that an XLSX export is not longer than a spreadsheet is opened with.

    Raises:
        ExportTooLarge: it is.
    """
    if count > MOST_XLSX_ROWS:
        raise ExportTooLarge(
            N_("More than %(most)s units: too many for one spreadsheet."),
            next_step=N_("Narrow the list, or export it as CSV, which has no limit."),
            most=MOST_XLSX_ROWS,
        )


@dataclass(frozen=True, slots=True)
class EndGroup:
    """Units on hand whose derogation ends within one span of time."""

    code: str
    """``ended``, ``month``, ``quarter``, ``half``, ``later``, ``unknown`` or ``none``."""
    count: int


_SPANS = (("month", timedelta(days=30)), ("quarter", timedelta(days=90)), ("half", timedelta(days=180)))
# the thresholds of the warnings that follow each other (peers reference, section 6, rule 10)

END_CODES = ("ended", *(code for code, _span in _SPANS), "later", "unknown", "none")


def end_code(*, is_covered: bool, valid_until: date | None, today: date) -> str:
    """Return the group of a device by the end of its derogation; the last day counts as covered.

    Args:
        is_covered: a derogation is in force today.
        valid_until: its last day; None where not recorded.
        today: Paris calendar.

    >>> end_code(is_covered=True, valid_until=date(2026, 3, 10), today=date(2026, 3, 2))
    'month'
    """
    if not is_covered:
        return "ended"
    if valid_until is None:
        return "unknown"
    return next((code for code, span in _SPANS if valid_until <= today + span), "later")


def group_ends(counts: Iterable[tuple[str, int]]) -> tuple[EndGroup, ...]:
    """Return the counts by group, in the order of urgency, without the empty ones."""
    totals: dict[str, int] = dict.fromkeys(END_CODES, 0)
    for code, count in counts:
        totals[code] += count
    return tuple([EndGroup(code, count) for code, count in totals.items() if count])


def sum_states(counts: Mapping[tuple[UUID, UnitState], int]) -> dict[UnitState, int]:
    """Return how many units on hand are in each state.

    >>> sum_states({})[UnitState.RELEASED]
    0
    """
    totals = dict.fromkeys(IN_STOCK, 0)
    for (_definition, state), count in counts.items():
        totals[state] += count
    return totals
