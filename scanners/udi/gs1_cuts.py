"""Every legal way to cut an element string whose separators were lost on the way.

A keyboard wedge that does not pass FNC1 on runs a lot and the serial after it together, and nothing in the text says
where the one ends: ``10LOTA21SN42`` is lot ``LOTA21SN42``, or lot ``LOTA`` and serial ``SN42``. Greedy
readers return the first and are wrong. So all cuts are made that the table, the dates and the check digits allow, the
likelier ones first, and nobody chooses but a person (docs/decisions/0007).

>>> today = date(2026, 11, 22)
>>> found = legal_readings("010370000000001310LOTA21SN42", reference_date=today)
>>> [(label.udi.lot, label.udi.serial) for label in found.labels]
[('LOTA', 'SN42'), ('LOTA21SN42', None)]
>>> [label.udi.lot for label in legal_readings("010370000000001310A1", reference_date=today).labels]
['A1']
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from scanners.errors import ScanError, WrongCheckDigit
from scanners.udi.application_identifiers import ApplicationIdentifier, find
from scanners.udi.gs1 import interpret
from scanners.udi.gs1_values import Field, check_content
from scanners.udi.label import Label

MAXIMUM_READINGS = 256
"""More readings than this help nobody; of 2,000 generated UDIs three had more, and half had no more than five."""

MAXIMUM_STEPS = 10_000
"""Fields tried at most: keeps the time of a hostile text within bounds."""

MAXIMUM_LENGTH = 512
"""Characters; no label holds more in elements, and a longer text is not cut at all."""

MAXIMUM_FIELDS = 24
"""More elements than a label can have."""

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
_SHAPE_COST = 2
_USUAL_SIZES = range(4, 13)
_BEARABLE_SIZES = range(3, 17)
_ODD_COST = 4
_ODD = frozenset({"association-missing", "expiry-far", "manufactured-in-future", "expiry-before-manufacture"})
_NUMBERS = frozenset({"10", "21"})


@dataclass(frozen=True, slots=True)
class Readings:
    """The labels a text may stand for, best first."""

    labels: tuple[Label, ...]
    complete: bool
    """False when the search was ended before every reading was found: then even a single one is not certain."""


def legal_readings(text: str, *, reference_date: date) -> Readings:
    """Return every label with a UDI of its own that the text, without any separator, may legally be.

    Where no reading has right check digits, those that have nothing else against them are returned, with their fault.
    """
    if len(text) > MAXIMUM_LENGTH:
        return Readings((), complete=False)
    strict = _readings(_Search(text, reference_date), reference_date)
    return strict if strict.labels else _readings(_Search(text, reference_date, any_check=True), reference_date)


def _readings(search: "_Search", reference_date: date) -> Readings:
    found: dict[object, Label] = {}
    for fields in search.cuts():
        try:
            label = interpret(fields, reference_date=reference_date)
        except ScanError:
            continue
        found.setdefault(label.udi, label)
        if len(found) == MAXIMUM_READINGS:
            search.complete = False
            break
    return Readings(tuple(sorted(found.values(), key=_rank)), search.complete)


def _rank(label: Label) -> tuple[int, int]:
    """Return how unlikely a reading is, 0 for a plain UDI; of two alike, the one with more fields comes first."""
    cost = sum(_cost(element.identifier, element.value) for element in label.elements)
    return cost + _ODD_COST * (len(_ODD.intersection(label.warnings)) + (label.fault is not None)), -len(label.elements)


def _cost(identifier: str, value: str) -> int:
    """Return how unlikely a field is; lots and serials of an odd length or with a hyphen at an end are less likely."""
    if identifier not in _NUMBERS:
        return _COSTS.get(identifier, _INTERNAL_COST if identifier[0] == "9" else _OTHER_COST)
    size = len(value)
    odd = (size not in _USUAL_SIZES) + (size not in _BEARABLE_SIZES) + (value[0] in "-.") + (value[-1] in "-.")
    return _SHAPE_COST * odd


@dataclass(frozen=True, slots=True)
class _Step:
    """One field of a cut, and the step before it."""

    field: Field
    end: int
    count: int
    before: "_Step | None"

    def fields(self) -> list[Field]:
        step: _Step | None = self
        found = []
        while step:
            found.append(step.field)
            step = step.before
        return found[::-1]

    def repeats(self) -> bool:
        """Test whether the last field stands earlier with another value."""
        step = self.before
        while step:
            if step.field.identifier is self.field.identifier and step.field.value != self.field.value:
                return True
            step = step.before
        return False


class _Search:
    """Best first over the places where a field may begin; places that lead nowhere are known beforehand."""

    def __init__(self, text: str, reference_date: date, *, any_check: bool = False) -> None:
        self.text = text
        self.reference_date = reference_date
        self.any_check = any_check
        self.complete = True
        self._stops: dict[int, tuple[ApplicationIdentifier, list[int]]] = {}
        self._remaining = {len(text): 0}
        self._survey()

    def cuts(self) -> Iterator[Sequence[Field]]:
        """Yield each legal cut once, the likeliest first."""
        if 0 not in self._remaining:
            return
        order = 0
        queue: list[tuple[int, int, int, _Step | None]] = [(self._remaining[0], 0, 0, None)]
        for _ in range(MAXIMUM_STEPS):
            if not queue:
                return
            estimate, _, position, step = heapq.heappop(queue)
            if step and position == len(self.text):
                yield step.fields()
                continue
            if step and step.count == MAXIMUM_FIELDS:
                self.complete = False
                continue
            for cost, following in self._following(position, step):
                order -= 1  # of two equally likely cuts the one found later has more fields
                expected = estimate - self._remaining[position] + cost + self._remaining[following.end]
                heapq.heappush(queue, (expected, order, following.end, following))
        self.complete = self.complete and not queue

    def _following(self, position: int, step: _Step | None) -> Iterator[tuple[int, _Step]]:
        identifier, stops = self._stops[position]
        start = position + len(identifier.identifier)
        for stop in stops:
            field = Field(identifier, self.text[start:stop], start)
            following = _Step(field, stop, step.count + 1 if step else 1, step)
            if not following.repeats():
                yield _cost(identifier.identifier, field.value), following

    def _survey(self) -> None:
        """Note, from the end, where a field may begin and end, and how unlikely the likeliest rest is."""
        end = len(self.text)
        for position in range(end - 1, -1, -1):
            identifier = find(self.text, position)
            if identifier is None:
                continue
            start = position + len(identifier.identifier)
            legal = identifier.pattern.match(self.text, start)
            if legal is None:
                continue
            longest = legal.end() - start
            stops = [
                start + size
                for size in identifier.lengths
                if size <= longest and start + size in self._remaining and self._holds(identifier, start, start + size)
            ]
            if stops:
                self._stops[position] = (identifier, stops)
                self._remaining[position] = min(
                    _cost(identifier.identifier, self.text[start:stop]) + self._remaining[stop] for stop in stops
                )

    def _holds(self, identifier: ApplicationIdentifier, start: int, stop: int) -> bool:
        if not identifier.checks:
            return True
        try:
            check_content(Field(identifier, self.text[start:stop], start), self.reference_date)
        except WrongCheckDigit:
            return self.any_check
        except ScanError:
            return False
        return True
