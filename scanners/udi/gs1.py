r"""GS1 element strings: application identifier, value, identifier, value, one after the other.

Issued by GS1 (General Specifications, sections 3 and 7.8). A value of predefined length needs no separator; every
other one ends at FNC1, which readers send as GS (ASCII 29), or at the end. FNC1 in first place is not data: readers
replace it by a symbology identifier (``]d2``), some send it as GS. A separator where none is needed is tolerated, an
empty value is not. The order of identifiers is free.

In a UDI: 01 is the device identifier (GTIN-14); 10 lot, 21 serial, 11 and 17 dates, 30 or 37 quantity, 8012 software
version, 240 or 241 the manufacturer's reference.

>>> today = date(2026, 11, 22)
>>> label = parse("010370000000001317281231" + "10LOT42" + chr(29) + "21SN7", reference_date=today)
>>> label.udi.udi_di, label.udi.lot, label.udi.serial, str(label.udi.expiration_date)
('03700000000013', 'LOT42', 'SN7', '2028-12-31')
>>> format(label.elements)
'01037000000000131728123110LOT42\x1d21SN7'
>>> parse("0103700000000012", reference_date=today).fault.detail
'(01) 03700000000012 should end in 3, not 2'
>>> parse("010370000000001317280230", reference_date=today)
Traceback (most recent call last):
    ...
scanners.errors.ImpossibleDate: (17) 280230: month 2 of 2028 has no day 30
>>> parse("10" + chr(29) + "21SN7", reference_date=today)
Traceback (most recent call last):
    ...
scanners.errors.BrokenStructure: (10) BATCH/LOT has 1 to 20 characters of the GS1 set, and there is none
"""

from collections.abc import Iterable, Sequence
from datetime import date

from scanners.errors import BrokenStructure, Contradiction, WrongCheckDigit
from scanners.result import Element, Fault, Precision, Standard, Udi
from scanners.udi import check_digits, dates
from scanners.udi.application_identifiers import find
from scanners.udi.gs1_associations import check_associations
from scanners.udi.gs1_values import Field, check_content, check_format
from scanners.udi.label import Label

GROUP_SEPARATOR = "\x1d"


def cut(text: str) -> list[Field]:
    """Cut a text whose separators can be trusted into its fields.

    Raises:
        BrokenStructure: an unknown identifier, an empty value, a wrong length or character.
    """
    fields: list[Field] = []
    position, end = 0, len(text)
    while position < end:
        if text[position] == GROUP_SEPARATOR:
            position += 1
            continue
        identifier = find(text, position)
        if identifier is None:
            raise BrokenStructure("identifier-unknown", position, "a GS1 application identifier was expected here")
        start = position + len(identifier.identifier)
        if identifier.predefined is not None:
            stop = start + identifier.predefined
        else:
            stop = text.find(GROUP_SEPARATOR, start)
            if stop < 0:
                stop = end
        field = Field(identifier, text[start:stop], start)
        if identifier.pattern.fullmatch(field.value) is None:
            check_format(field._replace(value=field.value.split(GROUP_SEPARATOR, 1)[0]))
        fields.append(field)
        position = stop
    if not fields:
        raise BrokenStructure("empty", 0, "an element string holds at least one element")
    return fields


def is_separated(text: str) -> bool:
    """Test whether the text begins like an element string and holds a separator: then it hardly is anything else."""
    return GROUP_SEPARATOR in text and find(text.lstrip(GROUP_SEPARATOR), 0) is not None


def interpret(fields: Sequence[Field], *, reference_date: date) -> Label:
    """Make a label of fields whose format has been checked.

    Raises:
        Contradiction: an identifier is repeated with another value, or two expiries differ.
        ScanError: a value breaks a rule of its identifier.
    """
    values: dict[str, str] = {}
    fault: Fault | None = None
    for field in fields:
        name = field.identifier.identifier
        if values.setdefault(name, field.value) != field.value:
            raise Contradiction("element-repeated", field.position, f"({name}) stands twice, with different values")
        if field.identifier.checks:
            try:
                check_content(field, reference_date)
            except WrongCheckDigit as error:
                fault = fault or error.fault()
    udi = _udi(values, reference_date)
    association, warnings = check_associations(values)
    elements = tuple([Element(identifier, value) for identifier, value in values.items()])
    return Label(
        Standard.GS1, udi, elements, fault or association, (*warnings, *_warnings(values, udi, reference_date))
    )


def parse(text: str, *, reference_date: date) -> Label:
    """Read an element string without symbology identifier, its separators sent as ASCII 29.

    Raises:
        ScanError: see ``cut`` and ``interpret``.
    """
    return interpret(cut(text), reference_date=reference_date)


def format(elements: Iterable[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the element string, with separators only where they are needed.

    Raises:
        BrokenStructure: an identifier that is not in the table, or a value that it does not allow.

    >>> format([Element("10", "A1"), Element("17", "281231"), Element("21", "7")]).split(GROUP_SEPARATOR)
    ['10A1', '17281231217']
    """
    parts: list[str] = []
    open_ended = False
    for element in elements:
        identifier = find(element.identifier, 0)
        if identifier is None or identifier.identifier != element.identifier:
            raise BrokenStructure("identifier-unknown", None, f"({element.identifier}) is not an identifier of GS1")
        check_format(Field(identifier, element.value, 0))
        if open_ended:
            parts.append(GROUP_SEPARATOR)
        parts.append(element.identifier + element.value)
        open_ended = identifier.predefined is None
    return "".join(parts)


def check_digit(payload: str) -> str:
    """Return the check digit of a GTIN, SSCC or GLN given without it."""
    return check_digits.gs1(payload)


def _udi(values: dict[str, str], reference: date) -> Udi:
    expiration_date, precision = _expiration(values, reference)
    quantity = values.get("30") or values.get("37")
    manufactured = values.get("11") or values.get("8008", "")[:6]
    return Udi(
        udi_di=values.get("01"),
        lot=values.get("10"),
        serial=values.get("21"),
        expiration_date=expiration_date,
        expiration_precision=precision,
        manufacture_date=dates.yymmdd(manufactured, reference)[0] if manufactured else None,
        quantity=int(quantity) if quantity else None,
        software_version=values.get("8012"),
        reference=values.get("240") or values.get("241"),
    )


def _expiration(values: dict[str, str], reference: date) -> tuple[date | None, Precision | None]:
    day = dates.yymmdd(values["17"], reference) if "17" in values else None
    if "7003" not in values:
        return day or (None, None)
    hour = dates.yymmdd(values["7003"][:6], reference)[0]
    if day and day[0] != hour:
        raise Contradiction("expiries-differ", None, f"(17) says {day[0]} and (7003) says {hour}")
    return hour, Precision.HOUR


def _warnings(values: dict[str, str], udi: Udi, reference: date) -> list[str]:
    found = []
    expiry, made = udi.expiration_date, udi.manufacture_date
    if udi.udi_di is None:
        found.append("no-device-identifier")
    elif udi.udi_di[0] != "0":
        found.append("variable-measure" if udi.udi_di[0] == "9" else "packaging-level")
    if expiry and expiry > dates.add_years(reference, dates.FAR_YEARS):
        found.append("expiry-far")
    if made and made > reference:
        found.append("manufactured-in-future")
    if expiry and made and expiry < made:
        found.append("expiry-before-manufacture")
    if "37" in values and "01" in values:
        found.append("count-with-gtin")
    return found
