"""What a delivery was expected to hold, how it looked on arrival, and what came of it. Pure."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tracker.devices.rules import Finding
from tracker.errors import N_, Conflict, InvalidInput
from tracker.imports.rules import plain


class Seen(enum.StrEnum):
    """How one thing looked on arrival. Stored: a change needs a migration."""

    GOOD = "good"
    DAMAGED = "damaged"
    NOT_CHECKED = "not_checked"


class Ownership(enum.StrEnum):
    """Whose the devices of a delivery are until they are used. Stored: a change needs a migration."""

    OWN = "own"
    LOAN = "loan"
    CONSIGNMENT = "consignment"


class Closing(enum.StrEnum):
    """How a delivery was closed. Stored: a change needs a migration."""

    COMPLETE = "complete"
    """Nothing more is expected of it, whatever is missing."""
    REST_AWAITED = "rest_awaited"


class DeliveryState(enum.StrEnum):
    """Where a delivery stands: computed."""

    OPEN = "open"
    PARTIAL = "partial"
    """Closed, and the rest is awaited."""
    CLOSED = "closed"


SEEN_LABELS: Mapping[Seen, str] = {
    Seen.GOOD: N_("In order"),
    Seen.DAMAGED: N_("Damaged"),
    Seen.NOT_CHECKED: N_("Not checked"),
}
TEMPERATURE_LABELS: Mapping[Seen, str] = {**SEEN_LABELS, Seen.DAMAGED: N_("Out of range")}
OWNERSHIP_LABELS: Mapping[Ownership, str] = {
    Ownership.OWN: N_("Own stock"),
    Ownership.LOAN: N_("On loan"),
    Ownership.CONSIGNMENT: N_("On consignment"),
}


def state_of(closed_at: datetime | None, closing: Closing | None, *, has_rest: bool) -> DeliveryState:
    """Return where a delivery stands; a later delivery that brings the rest ends the waiting."""
    if closed_at is None:
        return DeliveryState.OPEN
    return DeliveryState.PARTIAL if closing is Closing.REST_AWAITED and not has_rest else DeliveryState.CLOSED


class TemperatureOdd(InvalidInput):
    """What is written of the temperature contradicts itself."""

    code = "temperature-odd"


class RemarkMissing(InvalidInput):
    """Something seen as damaged is now said not to be, and nobody wrote why."""

    code = "conditions-remark-missing"


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a delivery looked on arrival."""

    parcel: Seen = Seen.NOT_CHECKED
    seals: Seen = Seen.NOT_CHECKED
    temperature: Seen = Seen.NOT_CHECKED
    measured: Decimal | None = None
    """°C."""
    lowest: Decimal | None = None
    """°C: of the range that the supplier or the label asks for."""
    highest: Decimal | None = None
    remark: str = ""


COLDEST, HOTTEST = Decimal(-99), Decimal(99)
"""°C: a figure beyond is a slip of the pen [design]."""


def check_conditions(seen: Conditions, earlier: Conditions | None) -> Conditions:
    """Return conditions as they are kept: a temperature outside the range asked for is damage, whoever ticks what.

    Raises:
        TemperatureOdd: the range is upside down, or no temperature was measured that is said to be in order.
        RemarkMissing: what was damaged no longer is, and nothing was written about it.
    """
    _check_figures(seen)
    if _is_outside(seen):
        seen = replace(seen, temperature=Seen.DAMAGED)
    elif seen.temperature is Seen.NOT_CHECKED and seen.measured is not None:
        is_known_good = seen.lowest is not None or seen.highest is not None
        seen = replace(seen, temperature=Seen.GOOD if is_known_good else Seen.NOT_CHECKED)
    seen = replace(seen, remark=seen.remark.strip())
    if earlier is not None and _eases(earlier, seen) and not seen.remark:
        raise RemarkMissing(
            N_("What was damaged is now said to be in order: write why."),
            fields={"remark": N_("Write what was looked at.")},
            next_step=N_("Write in the remarks what was looked at."),
        )
    return seen


def _check_figures(seen: Conditions) -> None:
    figures = [one for one in (seen.measured, seen.lowest, seen.highest) if one is not None]
    if not all(COLDEST <= one <= HOTTEST for one in figures):
        raise TemperatureOdd(
            N_("A temperature is between -99 and 99 °C."),
            fields={"measured": N_("Write the temperatures in degrees Celsius.")},
        )
    if seen.lowest is not None and seen.highest is not None and seen.lowest > seen.highest:
        raise TemperatureOdd(
            N_("The range is upside down: the lowest temperature is above the highest."),
            fields={"lowest": N_("Write the lower figure first.")},
        )


def _is_outside(seen: Conditions) -> bool:
    measured = seen.measured
    if measured is None:
        return False
    is_cold = seen.lowest is not None and measured < seen.lowest
    return is_cold or (seen.highest is not None and measured > seen.highest)


def _eases(earlier: Conditions, later: Conditions) -> bool:
    before = (earlier.parcel, earlier.seals, earlier.temperature)
    after = (later.parcel, later.seals, later.temperature)
    return any(was is Seen.DAMAGED and now is not Seen.DAMAGED for was, now in zip(before, after, strict=True))


def of_conditions(seen: Conditions | None) -> tuple[Finding, ...]:
    """Return what the conditions of a delivery say of every box that is received after they were recorded."""
    if seen is None:
        return ()
    found = []
    if seen.seals is Seen.DAMAGED:
        found.append(Finding("seals-damaged"))
    if seen.temperature is Seen.DAMAGED:
        found.append(Finding("temperature-outside", {"measured": _degrees(seen.measured)}))
    if seen.parcel is Seen.DAMAGED:
        found.append(Finding("parcel-damaged"))
    return tuple(found)


def _degrees(measured: Decimal | None) -> str:
    return "?" if measured is None else f"{measured.normalize():f}"


MOST_ANNOUNCED = 1000
"""Lines of one announcement: four times the largest delivery we know of [design]."""
MOST_UNITS = 10_000
"""Units of one line [design]."""
LONGEST = 100
"""Characters of a reference or a lot, as in the catalogue."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reference": ("reference", "ref", "ref.", "reference fabricant", "article", "code article"),
    "lot": ("lot", "lot number", "numero de lot", "n° lot", "no lot", "batch"),
    "count": ("count", "quantity", "qty", "quantite", "qte", "nombre"),
}
"""Under which headers each column of a file is found: lower case, without accents."""
_FRENCH = {"reference": "référence", "count": "quantité"}
"""What the page calls the columns that a file has to name."""

LINE_ERRORS: Mapping[str, str] = {
    "reference-missing": N_("the reference is missing"),
    "too-long": N_("a text is longer than %(most)s characters"),
    "formula": N_("a cell holds a formula"),
    "count-missing": N_("the number of units is missing"),
    "count-odd": N_("'%(value)s' is no number of units between 1 and %(most)s"),
    "columns-odd": N_("there are more than three columns"),
}
"""Words of what is wrong with a line, by code; filled with the data beside it."""


class AnnouncedColumnsMissing(InvalidInput):
    """The first line of a file does not name the columns."""

    code = "announced-columns-missing"


class AnnouncedTooLong(InvalidInput):
    """There are more lines than one delivery takes."""

    code = "announced-too-long"


class AnnouncedChanged(Conflict):
    """Somebody else changed the announced lines meanwhile."""

    code = "announced-changed"


@dataclass(frozen=True, slots=True)
class AnnouncedLine:
    """What a delivery is to hold of one reference, or of one lot of it."""

    reference: str
    count: int
    lot: str = ""
    """Empty: any lot."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be understood: a code of ``LINE_ERRORS`` and the data of its words."""

    number: int
    """Counted from 1 in the list as it is shown."""
    code: str
    data: Mapping[str, str]


def pick_columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[tuple[str, str, str]]:
    """Return reference, lot and count of the rows of a file, by the names of its first line; nothing is judged yet.

    Raises:
        AnnouncedColumnsMissing: the first line names no reference or no count.
        AnnouncedTooLong: there are too many lines.
    """
    named = {plain(cell): place for place, cell in reversed(list(enumerate(header)))}
    places = {name: next((named[one] for one in known if one in named), None) for name, known in COLUMNS.items()}
    missing = [_FRENCH[name] for name, place in places.items() if place is None and name != "lot"]
    if places["reference"] is None or places["count"] is None:
        raise AnnouncedColumnsMissing(
            N_("The first line of the file does not name these columns: %(missing)s."),
            fields={"file": N_("The columns were not found.")},
            next_step=N_("Name them reference, lot and quantity in the first line, then send the file again."),
            missing=", ".join(missing),
        )
    picked = []
    for cells in rows:
        picked.append(tuple([_cell(cells, places[name]) for name in ("reference", "lot", "count")]))
        check_announced_length(len(picked))
    return [(reference, lot, count) for reference, lot, count in picked]


def _cell(cells: Sequence[str], place: int | None) -> str:
    text = cells[place] if place is not None and place < len(cells) else ""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def check_announced_length(count: int) -> None:
    """Check that a delivery has not more announced lines than it takes.

    Raises:
        AnnouncedTooLong: it has.
    """
    if count > MOST_ANNOUNCED:
        raise AnnouncedTooLong(
            N_("There are more than %(most)s lines."),
            next_step=N_("Open a delivery for each part, and announce each part with its own."),
            most=MOST_ANNOUNCED,
        )


def read_announced(rows: Sequence[Sequence[str]]) -> tuple[list[AnnouncedLine], list[BadLine]]:
    """Return what rows of reference, lot and count announce, and what is wrong with the others.

    Raises:
        AnnouncedTooLong: there are too many.
    """
    check_announced_length(len(rows))
    read = [_read_line(number, row) for number, row in enumerate(rows, start=1)]
    good = [one for one in read if isinstance(one, AnnouncedLine)]
    return good, [one for one in read if isinstance(one, BadLine)]


def _read_line(number: int, row: Sequence[str]) -> AnnouncedLine | BadLine:
    if len(row) > len(COLUMNS):
        return BadLine(number, "columns-odd", {})
    reference, lot, count = [_cell(row, place) for place in range(len(COLUMNS))]
    if any(cell.startswith("=") for cell in (reference, lot, count)):
        return BadLine(number, "formula", {})
    if not reference:
        return BadLine(number, "reference-missing", {})
    if len(reference) > LONGEST or len(lot) > LONGEST:
        return BadLine(number, "too-long", {"most": str(LONGEST)})
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:9]) <= MOST_UNITS and len(count) <= 9):  # noqa: PLR2004 - no longer number is needed
        return BadLine(
            number, "count-odd" if count else "count-missing", {"value": count[:20], "most": str(MOST_UNITS)}
        )
    return AnnouncedLine(reference, int(count), lot)


@dataclass(frozen=True, slots=True)
class Came:
    """Units of one reference and lot that were presented to the bench, by outcome; scans taken back left out."""

    reference: str
    """Empty for a refused box that nobody could identify."""
    lot: str
    accepted: int = 0
    quarantined: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class TallyLine:
    """What was expected of one reference and lot, and what came.

    A refused box is no received unit, and stays among the missing: refused for want of a lot and then completed by hand
    it would count twice.
    """

    reference: str
    lot: str
    expected: int = 0
    accepted: int = 0
    quarantined: int = 0
    refused: int = 0

    @property
    def received(self) -> int:
        """Units that are here, in quarantine or not."""
        return self.accepted + self.quarantined

    @property
    def missing(self) -> int:
        """Units that were announced and are not here."""
        return max(0, self.expected - self.received)

    @property
    def surplus(self) -> int:
        """Units that are here and were not announced."""
        return max(0, self.received - self.expected)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a delivery against what was announced."""

    lines: tuple[TallyLine, ...]
    is_announced: bool
    """Somebody said what was expected: else nothing is missing and nothing too many."""

    def sum_of(self, name: str) -> int:
        """Return the sum of a figure of the lines: ``expected``, ``received``, ``missing`` and so on."""
        return sum(getattr(line, name) for line in self.lines)

    @property
    def rest(self) -> tuple[AnnouncedLine, ...]:
        """What is still missing, as a later delivery announces it."""
        return tuple([AnnouncedLine(one.reference, one.missing, one.lot) for one in self.lines if one.missing])


def _key(reference: str, lot: str) -> tuple[str, str]:
    """Return a reference and lot as two spellings of them compare: without case and spaces."""
    return "".join(reference.casefold().split()), "".join(lot.casefold().split())


def tally(announced: Sequence[AnnouncedLine], came: Iterable[Came]) -> Tally:
    """Return what came against what was announced: a lot fills its own line first, then the line of any lot.

    >>> found = tally([AnnouncedLine("R1", 2)], [Came("r1", "A", accepted=1), Came("R1", "B", accepted=2)])
    >>> [(one.reference, one.lot, one.expected, one.received, one.surplus) for one in found.lines]
    [('R1', '', 2, 3, 1)]
    """
    lines: dict[tuple[str, str], TallyLine] = {}
    for one in announced:
        known = lines.get(_key(one.reference, one.lot), TallyLine(one.reference, one.lot))
        lines[_key(one.reference, one.lot)] = replace(known, expected=known.expected + one.count)
    for group in came:
        _count_in(lines, group)
    return Tally(tuple(lines.values()), bool(announced))


def _count_in(lines: dict[tuple[str, str], TallyLine], came: Came) -> None:
    """Count units in, where they are expected; what is beyond goes to the line of its lot, else of its reference."""
    own, any_lot = _key(came.reference, came.lot), _key(came.reference, "")
    accepted, quarantined = came.accepted, came.quarantined
    for key in (own, any_lot):
        if key in lines:
            room = lines[key].missing
            taken = min(room, accepted)
            held = min(room - taken, quarantined)
            lines[key] = _more(lines[key], accepted=taken, quarantined=held)
            accepted, quarantined = accepted - taken, quarantined - held
    home = next((key for key in (own, any_lot) if key in lines), own)
    line = lines.get(home, TallyLine(came.reference, came.lot))
    lines[home] = _more(line, accepted=accepted, quarantined=quarantined, refused=came.refused)


def _more(line: TallyLine, *, accepted: int, quarantined: int, refused: int = 0) -> TallyLine:
    return replace(
        line,
        accepted=line.accepted + accepted,
        quarantined=line.quarantined + quarantined,
        refused=line.refused + refused,
    )


def of_surplus(
    announced: Sequence[AnnouncedLine], came: Iterable[Came], boxes: Sequence[tuple[str, str] | None]
) -> list[Finding | None]:
    """Return, for boxes in their order, what is said of one that nobody announced, or that comes beyond the count.

    Args:
        announced: of the delivery; empty where nobody said what it holds, and then nothing is too many.
        came: before these boxes.
        boxes: reference and lot of each; None for a refused box.
    """
    if not announced:
        return [None] * len(boxes)
    left = {_key(one.reference, one.lot): one.missing for one in tally(announced, came).lines}
    expected: dict[str, int] = {}
    for one in announced:
        reference, _lot = _key(one.reference, "")
        expected[reference] = expected.get(reference, 0) + one.count
    found: list[Finding | None] = []
    for box in boxes:
        keys = [] if box is None else [_key(*box), _key(box[0], "")]
        place = next((key for key in keys if left.get(key)), None)
        if place is not None:
            left[place] -= 1
        if box is None or place is not None:
            found.append(None)
        elif keys[1][0] not in expected:
            found.append(Finding("not-announced", {"reference": box[0]}))
        else:
            data = {"reference": box[0], "expected": str(expected[keys[1][0]])}
            found.append(Finding("beyond-announced", data))
    return found
