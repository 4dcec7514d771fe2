r"""GS1 element strings as people print and type them: ``(01)03700000000013(10)LOT42``.

The brackets are not in the symbol (GS1 General Specifications, section 4.14). Separators are implied. A value may
itself hold a bracket: ``(10)12(34)5`` is lot ``12(34)5``, because there is no identifier 34, and it is flagged; where
bracketed digits are an identifier whose value holds, they are taken as one. ``\(`` is a bracket of the value, as
GS1's own software writes it.

>>> today = date(2026, 11, 22)
>>> parse("(01)03700000000013(17)281200(10)LOT42", reference_date=today).udi.lot
'LOT42'
>>> label = parse("(01)03700000000013(10)12(34)5", reference_date=today)
>>> label.udi.lot, label.warnings
('12(34)5', ('bracket-in-value',))
>>> format(label.elements)
'(01)03700000000013(10)12\\(34\\)5'
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from scanners.errors import BrokenStructure
from scanners.result import Element
from scanners.udi.application_identifiers import TABLE
from scanners.udi.gs1 import interpret
from scanners.udi.gs1_values import Field, check_format
from scanners.udi.label import Label

_HEAD = re.compile(r"\(([0-9]{2,4})\)")
_ESCAPE = re.compile(r"\\([()])")
_BRACKET = re.compile(r"([()])")


def is_bracketed(text: str) -> bool:
    """Test whether the text begins like an element string in its printed form."""
    match = _HEAD.match(text)
    return match is not None and match[1] in TABLE


def parse(text: str, *, reference_date: date) -> Label:
    """Read the printed form.

    Raises:
        ScanError: an unknown identifier, a value that its identifier does not allow, an identifier repeated.
    """
    fields, is_odd = _cut(text)
    label = interpret(fields, reference_date=reference_date)
    return replace(label, warnings=(*label.warnings, "bracket-in-value")) if is_odd else label


def format(elements: Iterable[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the printed form, brackets inside a value escaped."""
    return "".join(f"({element.identifier})" + _BRACKET.sub(r"\\\1", element.value) for element in elements)


def _cut(text: str) -> tuple[list[Field], bool]:
    """Cut at each bracketed identifier; one whose value does not hold belongs to the value before it.

    Raises:
        BrokenStructure: the text does not begin with an identifier, or a value breaks its identifier's format.
    """
    heads = [
        head for head in _HEAD.finditer(text) if head[1] in TABLE and text[head.start() - 1 : head.start()] != "\\"
    ]
    if not heads or heads[0].start() != 0:
        raise BrokenStructure("identifier-unknown", 0, "a bracketed GS1 application identifier was expected here")
    fields: list[Field] = []
    for number, head in enumerate(heads):
        stop = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        field = Field(TABLE[head[1]], _ESCAPE.sub(r"\1", text[head.end() : stop]), head.end())
        if field.identifier.pattern.fullmatch(field.value):
            fields.append(field)
        elif fields and (longer := _longer(fields[-1], head[0] + field.value)):
            fields[-1] = longer
        else:
            check_format(field)
    return fields, any("(" in field.value for field in fields)


def _longer(field: Field, more: str) -> Field | None:
    value = field.value + more
    return field._replace(value=value) if field.identifier.pattern.fullmatch(value) else None
