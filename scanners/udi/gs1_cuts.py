"""Every legal way to cut an element string whose separators were lost on the way.

A keyboard wedge that does not pass FNC1 on runs a lot and the serial after it together, and nothing in the text says
where the one ends: ``10A7X21SN42`` is lot ``A7X21SN42``, or lot ``A7X`` and serial ``SN42``. Greedy
readers return the first and are wrong. So all cuts are made that the table, the dates and the check digits allow, the
likelier ones first, and nobody chooses but a person (docs/decisions/0007).

>>> today = date(2026, 11, 22)
>>> found = legal_readings("010370000000001310A7X21SN42", reference_date=today)
>>> [(label.udi.lot, label.udi.serial) for label in found.labels]
[('A7X', 'SN42'), ('A7X21SN42', None)]
>>> [label.udi.lot for label in legal_readings("010370000000001310A1", reference_date=today).labels]
['A1']
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from scanners.errors import ScanError, WrongCheckDigit
from scanners.udi.application_identifiers import ApplicationIdentifier, find
from scanners.udi.gs1 import interpret
from scanners.udi.gs1_values import Field, check_content
from scanners.udi.label import Label

MAXIMUM_READINGS = 128
"""More readings than this help nobody; the most that 3,000 generated UDIs had was 84."""

MAXIMUM_STEPS = 20_000
"""Fields tried at most: keeps the time of a hostile text within bounds."""

# How unlikely an identifier is on a device label: those of a UDI cost nothing, internal ones most.
_COSTS = {
    "01": 0,
    "10": 0,
    "11": 0,
    "17": 0,
    "21": 0,
    "30": 2,
    "240": 2,
    "20": 3,
    "22": 3,
    "37": 3,
    "241": 3,
    "8012": 3,
}
_OTHER_COST = 5
_INTERNAL_COST = 6
_SHORT_VALUE_COST = 2
_ODD_COST = 4
_SHORT = 2


@dataclass(frozen=True, slots=True)
class Readings:
    """The labels a text may stand for, best first."""

    labels: tuple[Label, ...]
    complete: bool
    """False when the search was ended before every reading was found: then even a single one is not certain."""


def legal_readings(text: str, *, reference_date: date) -> Readings:
    """Return every label with a UDI of its own that the text, without any separator, may legally be."""
    search = _Search(text, reference_date)
    found: dict[object, Label] = {}
    for fields in search.cuts():
        try:
            label = interpret(fields, reference_date=reference_date)
        except ScanError:
            continue
        known = found.get(label.udi)
        if known is None or _rank(label) < _rank(known):
            found[label.udi] = label
        if len(found) == MAXIMUM_READINGS:
            search.complete = False
            break
    return Readings(tuple(sorted(found.values(), key=_rank)), search.complete)


def _rank(label: Label) -> tuple[int, int]:
    """Return how unlikely a reading is, 0 for a plain UDI; of two alike, the one with more fields comes first."""
    cost = 0
    for element in label.elements:
        internal = element.identifier.startswith("9")
        cost += _COSTS.get(element.identifier, _INTERNAL_COST if internal else _OTHER_COST)
        if element.identifier in {"10", "21", "240"} and len(element.value) < _SHORT:
            cost += _SHORT_VALUE_COST
    odd = set(label.warnings) & {
        "association-missing",
        "expiry-far",
        "manufactured-in-future",
        "expiry-before-manufacture",
    }
    return cost + _ODD_COST * (len(odd) + (label.fault is not None)), -len(label.elements)


class _Search:
    """Depth first over the places where a field may begin; places that lead nowhere are known beforehand."""

    def __init__(self, text: str, reference_date: date) -> None:
        self.text = text
        self.reference_date = reference_date
        self.complete = True
        self._steps = 0
        self._stops: dict[int, tuple[ApplicationIdentifier, list[int]]] = {}
        self._survey()

    def cuts(self) -> Iterator[Sequence[Field]]:
        """Yield each legal cut once."""
        path: list[Field] = []
        pending: list[Iterator[int]] = [self._next(0)]
        while pending:
            stop = next(pending[-1], None)
            if stop is None:
                pending.pop()
                if path:
                    path.pop()
                continue
            self._steps += 1
            if self._steps > MAXIMUM_STEPS:
                self.complete = False
                return
            position = path[-1].position + len(path[-1].value) if path else 0
            identifier = self._stops[position][0]
            start = position + len(identifier.identifier)
            path.append(Field(identifier, self.text[start:stop], start))
            if stop == len(self.text):
                yield path
            if self._repeats(path):
                pending.append(iter(()))
            else:
                pending.append(self._next(stop))

    def _next(self, position: int) -> Iterator[int]:
        return iter(self._stops[position][1] if position in self._stops else ())

    def _survey(self) -> None:
        """Note, from the end, where a field may begin and end so that the rest can still be read."""
        end = len(self.text)
        open_ends = {end}
        for position in range(end - 1, -1, -1):
            identifier = find(self.text, position)
            if identifier is None:
                continue
            start = position + len(identifier.identifier)
            sizes = range(identifier.minimum, min(identifier.maximum, end - start) + 1)
            stops = [
                start + size
                for size in sizes
                if start + size in open_ends and self._may_be(identifier, start, start + size)
            ]
            if stops:
                open_ends.add(position)
                self._stops[position] = (identifier, stops)

    def _may_be(self, identifier: ApplicationIdentifier, start: int, stop: int) -> bool:
        if identifier.pattern.fullmatch(self.text, start, stop) is None:
            return False
        if not identifier.checks:
            return True
        try:
            check_content(Field(identifier, self.text[start:stop], start), self.reference_date)
        except WrongCheckDigit:
            return start == len(identifier.identifier)  # the first field is what it is: the fault is reported
        except ScanError:
            return False
        return True

    @staticmethod
    def _repeats(path: list[Field]) -> bool:
        last = path[-1]
        return any(field.identifier is last.identifier and field.value != last.value for field in path[:-1])
