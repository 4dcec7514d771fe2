r"""IFA: the pharmacy product number in a message of ISO/IEC 15434 format 06, and the plain PZN.

Issued by IFA (Germany; HPC for others). The message is ``[)>`` RS ``06`` GS, then data identifier and value, one after
the other with GS between, in any order, then RS EOT. Readers expand Data Matrix macro codeword 06 to the same text;
some scanners cut head and tail off.

========  ==============================================================  ===========================
``9N``    PPN, the UDI-DI: agency 2, reference, two check digits          mod 97, positions from 2
``8P``    GTIN or NTIN                                                    14 digits
``1T``    lot                                                             1 to 20
``S``     serial number                                                   1 to 20
``D``     expiry                                                          YYMMDD, day 00 allowed
``16D``   manufacture                                                     YYYYMMDD
``Q``     quantity                                                        1 to 8 digits
========  ==============================================================  ===========================

Agency ``11`` is the PZN of eight digits (mod 11), ``13`` the health product code. An NTIN is ``04150``, the PZN and a
GS1 check digit; where it stands beside a PPN of another PZN the label is refused. Other data identifiers are kept. A
message without ``9N`` and ``8P`` is no UDI: labels of electronic parts look like that. PPN and HPC length limits could
not be confirmed; up to 22 characters are taken.

>>> today = date(2026, 11, 22)
>>> head, tail = "[)>\x1e06\x1d", "\x1e\x04"
>>> label = parse(head + "9N110375286414\x1d1TLOT42\x1dD281200\x1dSSN7" + tail, reference_date=today)
>>> label.udi.udi_di, label.udi.lot, label.udi.serial, str(label.udi.expiration_date)
('110375286414', 'LOT42', 'SN7', '2028-12-31')
>>> parse("9N110375286414\x1d1TLOT42", reference_date=today).udi.lot
'LOT42'
>>> parse("9N110375286415", reference_date=today).fault.detail
'PPN 110375286415 should end in 14, not 15'
>>> parse_pzn("-03752864").udi.udi_di
'110375286414'
"""

import re
from collections.abc import Iterable
from datetime import date

from scanners.errors import BrokenStructure, Contradiction, ImpossibleDate, ScanError, WrongCheckDigit
from scanners.result import Element, Fault, Precision, Standard, Udi
from scanners.udi import check_digits, dates, gtin
from scanners.udi.label import Label

HEAD, TAIL = "[)>\x1e06\x1d", "\x1e\x04"
_GROUP_SEPARATOR, _RECORD_SEPARATOR, _END = "\x1d", "\x1e", "\x04"

_PPN = re.compile(r"[A-Z0-9]{2}[A-Z0-9.\-]{1,18}[0-9]{2}")
_BARE = re.compile(
    r"9N[A-Z0-9]{2}[A-Z0-9.\-]{1,18}[0-9]{2}(?:\x1d|\Z)|(?:8P|1T|S|D|16D|Q)[^\x1d]+\x1d(?:.*\x1d)?9N", re.DOTALL
)
_PZN = re.compile(r"(?:-|PZN ?-? ?)([0-9]{8})")
_SEGMENT = re.compile(r"([0-9]{0,3}[A-Z])(.*)", re.DOTALL)
_PZN_AGENCY = "11"
_PZN_IN_PPN = re.compile(rf"{_PZN_AGENCY}([0-9]{{8}})[0-9]{{2}}")
_NTIN = re.compile(r"04150([0-9]{8})[0-9]")

_FORMS = {
    "9N": (_PPN, "a PPN has an agency of 2 characters, a reference and two check digits, at most 22 characters"),
    "8P": (re.compile(r"[0-9]{14}"), "a GTIN has 14 digits"),
    "1T": (re.compile(r"[A-Za-z0-9!-/:-?_ ]{1,20}"), "a lot has 1 to 20 characters"),
    "S": (re.compile(r"[A-Za-z0-9!-/:-?_ ]{1,20}"), "a serial number has 1 to 20 characters"),
    "D": (re.compile(r"[0-9]{6}"), "an expiry has 6 digits, YYMMDD"),
    "16D": (re.compile(r"[0-9]{8}"), "a date of manufacture has 8 digits, YYYYMMDD"),
    "Q": (re.compile(r"[0-9]{1,8}"), "a quantity has 1 to 8 digits"),
}


class NotAUdi(ScanError):
    """A message of format 06 that names no product: not a device label, and not a broken one."""


def is_message(text: str) -> bool:
    """Test whether the text is a message of format 06, with head or, where it names a PPN, without."""
    return text.startswith(HEAD) or _BARE.match(text) is not None


def is_pzn(text: str) -> bool:
    """Test whether the text is the Code 39 or printed form of a PZN; its check digit may be wrong."""
    return _PZN.fullmatch(text) is not None


def content(text: str) -> tuple[str, int]:
    """Return the message without head and tail, and where it starts."""
    body = text.removesuffix(_END).removesuffix(_RECORD_SEPARATOR)
    head = body[: len(HEAD)]
    if head == HEAD:
        return body[len(HEAD) :], len(HEAD)
    return body, 0


def check_digit(payload: str) -> str:
    """Return the two check digits of a PPN given without them."""
    return check_digits.ppn(payload)


def parse(text: str, *, reference_date: date) -> Label:
    """Read a message.

    Raises:
        NotAUdi: it names no product.
        BrokenStructure: a value of another form, an empty one, an unreadable identifier.
        Contradiction: an identifier stands twice with different values, or PPN and NTIN name two products.
        ImpossibleDate: no calendar has a date.
    """
    body, start = content(text)
    values: dict[str, str] = {}
    positions: dict[str, int] = {}
    position = start
    for segment in body.split(_GROUP_SEPARATOR):
        if segment:
            identifier, value = _element(segment, position)
            if values.setdefault(identifier, value) != value:
                raise Contradiction("element-repeated", position, f"{identifier} stands twice, with different values")
            positions[identifier] = position + len(identifier)
        position += len(segment) + 1
    if not values.keys() & {"9N", "8P"}:
        raise NotAUdi("not-a-udi", None, "a message without PPN (9N) and GTIN (8P) does not name a device")
    _check_same_product(values, positions)
    elements = tuple(Element(identifier, value) for identifier, value in values.items())
    return Label(Standard.IFA, _udi(values, positions, reference_date), elements, _check_fault(values, positions))


def parse_pzn(text: str, *, reference_date: date | None = None) -> Label:  # noqa: ARG001 - the same call for all
    """Read a plain PZN: ``-`` and eight digits in Code 39, ``PZN-`` in print.

    Raises:
        BrokenStructure: another form.
    """
    match = _PZN.fullmatch(text)
    if match is None:
        raise BrokenStructure("length", None, "a PZN is a hyphen and eight digits")
    digits = match[1]
    wrong = _wrong_pzn(digits, match.start(1))
    udi = Udi(udi_di=_PZN_AGENCY + digits + check_digits.ppn(_PZN_AGENCY + digits))
    return Label(Standard.IFA, udi, (Element("PZN", digits),), wrong.fault() if wrong else None)


def format(elements: Iterable[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the message with head and tail."""
    return HEAD + _GROUP_SEPARATOR.join(element.identifier + element.value for element in elements) + TAIL


def _element(segment: str, position: int) -> tuple[str, str]:
    match = _SEGMENT.fullmatch(segment)
    if match is None:
        raise BrokenStructure("identifier-unknown", position, "a data identifier was expected here")
    identifier, value = match[1], match[2]
    start = position + len(identifier)
    if not value:
        raise BrokenStructure("empty-value", start, f"{identifier} has no value")
    form = _FORMS.get(identifier)
    if form and not form[0].fullmatch(value):
        raise BrokenStructure("value", start, f"{form[1]}, not {value!r}")
    return identifier, value


def _check_same_product(values: dict[str, str], positions: dict[str, int]) -> None:
    ntin = _NTIN.fullmatch(values.get("8P", ""))
    ppn = values.get("9N", "")
    if ntin and ppn.startswith(_PZN_AGENCY) and ppn[2:-2] != ntin[1]:
        raise Contradiction("products-differ", positions["8P"], f"the PPN names PZN {ppn[2:-2]}, the NTIN {ntin[1]}")


def _udi(values: dict[str, str], positions: dict[str, int], reference: date) -> Udi:
    expiry: tuple[date | None, Precision | None] = (None, None)
    made: date | None = None
    try:
        if "D" in values:
            expiry = dates.yymmdd(values["D"], reference)
    except ValueError as error:
        raise ImpossibleDate("date-impossible", positions["D"], f"D{values['D']}: {error}") from None
    try:
        if "16D" in values:
            made = dates.yyyymmdd(values["16D"])[0]
    except ValueError as error:
        raise ImpossibleDate("date-impossible", positions["16D"], f"16D{values['16D']}: {error}") from None
    return Udi(
        udi_di=values.get("9N") or values.get("8P"),
        lot=values.get("1T"),
        serial=values.get("S"),
        expiration_date=expiry[0],
        expiration_precision=expiry[1],
        manufacture_date=made,
        quantity=int(values["Q"]) if "Q" in values else None,
    )


def _check_fault(values: dict[str, str], positions: dict[str, int]) -> Fault | None:
    """Return the first wrong check digit."""
    ppn, code = values.get("9N"), values.get("8P")
    if ppn:
        expected, start = check_digits.ppn(ppn[:-2]), positions["9N"]
        if ppn[-2:] != expected:
            detail = f"PPN {ppn} should end in {expected}, not {ppn[-2:]}"
            return Fault("check-digit", start + len(ppn) - 2, detail, overridable=True)
        pzn = _PZN_IN_PPN.fullmatch(ppn)
        wrong = _wrong_pzn(pzn[1], start + 2) if pzn else None
        if wrong:
            return wrong.fault()
    if code:
        try:
            gtin.validate(code)
        except WrongCheckDigit as error:
            return error.fault(positions["8P"])
    return None


def _wrong_pzn(digits: str, start: int) -> WrongCheckDigit | None:
    expected = check_digits.pzn(digits[:-1])
    if expected == digits[-1]:
        return None
    said = f"should end in {expected}, not {digits[-1]}" if expected else "is not issued: its remainder is 10"
    return WrongCheckDigit("check-digit", start + len(digits) - 1, f"PZN {digits} {said}")
