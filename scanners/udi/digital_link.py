"""GS1 Digital Link: a web address that carries application identifiers. It is read, never called.

Source: GS1 Digital Link Standard, URI syntax 1.3. ``https://any.domain/any/stem/01/03700000000013/10/LOT42?17=281231``:
the right-most ``/key/value`` whose key is a primary identifier, then its qualifiers in a fixed order (for 01: 22, 10,
21, or 235 alone), everything else in the query. Values are percent-encoded. Unknown query keys are ignored. A GTIN may
have 8, 12, 13 or 14 digits. The words of the first editions (``/gtin/``, ``/lot/``, ``/ser/``, ``exp=``) are still on
labels. Compressed links are not read.

>>> today = date(2026, 11, 22)
>>> label = parse("HTTPS://example.com/x/01/3700000000013/10/LOT%2F42?17=281231&utm=1", reference_date=today)
>>> label.udi.udi_di, label.udi.lot, str(label.udi.expiration_date)
('03700000000013', 'LOT/42', '2028-12-31')
>>> format(label.elements)
'https://id.gs1.org/01/03700000000013/10/LOT%2F42?17=281231'
>>> parse("https://example.com/01/03700000000013/21/7/10/A", reference_date=today)
Traceback (most recent call last):
    ...
scanners.errors.BrokenStructure: after (01) the qualifiers stand in the order 22, 10, 21, or are 235
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from urllib.parse import quote, unquote

from scanners.errors import BrokenStructure
from scanners.result import Element
from scanners.udi.application_identifiers import TABLE, ApplicationIdentifier
from scanners.udi.gs1 import interpret
from scanners.udi.gs1_values import Field, check_format
from scanners.udi.gtin import FULL_LENGTH, is_gtin
from scanners.udi.label import Label

RESOLVER = "https://id.gs1.org"
"""GS1's own domain: the canonical form of a link."""

_WORDS = {"gtin": "01", "lot": "10", "ser": "21", "cpv": "22", "exp": "17"}
_WEB = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_GTIN = "01"
_MOST_PAIRS = 8
"""Key and qualifiers that are looked at; no key has more than three qualifiers."""


def is_web_address(text: str) -> bool:
    """Test whether the text is a web address, which may or may not be a Digital Link."""
    return _WEB.match(text) is not None


def is_digital_link(text: str) -> bool:
    """Test whether the address has a primary identifier in its path."""
    return is_web_address(text) and next(_candidates(_path(text)), None) is not None


def parse(text: str, *, reference_date: date) -> Label:
    """Read a link.

    Raises:
        BrokenStructure: no primary identifier, qualifiers out of order, a value that its identifier does not allow.
        ScanError: what the values say is impossible.
    """
    refusal: BrokenStructure | None = None
    for pairs in _candidates(_path(text)):
        try:
            fields = [*_key_and_qualifiers(pairs), *_attributes(text)]
        except BrokenStructure as error:
            refusal = refusal or error
            continue
        label = interpret(fields, reference_date=reference_date)
        return replace(label, fault=replace(label.fault, position=None)) if label.fault else label
    raise refusal or BrokenStructure("no-primary-key", None, "no identifier of a product stands in this address")


def format(elements: Sequence[Element]) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the canonical link: key and qualifiers in the path in their order, the rest in the query.

    Raises:
        BrokenStructure: no element is a primary identifier.
    """
    values = {element.identifier: element.value for element in elements}
    key = next((name for name in values if TABLE[name].link_qualifiers is not None), None)
    if key is None:
        raise BrokenStructure("no-primary-key", None, "a Digital Link needs an identifier of a product")
    orders = TABLE[key].link_qualifiers or ()
    order = max(orders, key=lambda names: len(values.keys() & set(names)), default=())
    path = [key, *[name for name in order if name in values]]
    query = [name for name in values if name not in path]
    address = RESOLVER + "".join(f"/{name}/{quote(values[name], safe='')}" for name in path)
    return address + ("?" + "&".join(f"{name}={quote(values[name], safe='')}" for name in query) if query else "")


def _path(text: str) -> list[str]:
    address = text.partition("#")[0].partition("?")[0]
    return address.rstrip("/").split("/")[3:]


def _name(segment: str) -> str:
    return _WORDS.get(segment, segment)


def _candidates(segments: list[str]) -> Iterator[list[tuple[str, str]]]:
    """Yield the pairs from each possible key to the end, the right-most key first."""
    for start in range(len(segments) - 2, max(len(segments) - 2 * _MOST_PAIRS, 0) - 1, -1):
        entry = TABLE.get(_name(segments[start]))
        if entry and entry.link_qualifiers is not None and (len(segments) - start) % 2 == 0:
            yield list(zip(map(_name, segments[start::2]), segments[start + 1 :: 2], strict=True))


def _key_and_qualifiers(pairs: list[tuple[str, str]]) -> list[Field]:
    key = pairs[0][0]
    names = [name for name, _ in pairs[1:]]
    orders = TABLE[key].link_qualifiers or ()
    if not any(_is_in_order(names, order) for order in orders or ((),)):
        said = ", or are ".join(", ".join(order) for order in orders if order) or "none"
        raise BrokenStructure("qualifiers", None, f"after ({key}) the qualifiers stand in the order {said}")
    return [_field(TABLE[name], unquote(value)) for name, value in pairs]


def _is_in_order(names: list[str], order: tuple[str, ...]) -> bool:
    remaining = iter(order)
    return all(name in remaining for name in names)


def _attributes(text: str) -> Iterator[Field]:
    query = text.partition("#")[0].partition("?")[2]
    for part in query.split("&"):
        key, _, value = part.partition("=")
        entry = TABLE.get(_name(key))
        if entry:
            yield _field(entry, unquote(value.replace("+", " ")))


def _field(entry: ApplicationIdentifier, value: str) -> Field:
    if entry.identifier == _GTIN and is_gtin(value):
        value = value.zfill(FULL_LENGTH)
    field = Field(entry, value, 0)
    try:
        check_format(field)
    except BrokenStructure as error:
        raise BrokenStructure(error.code, None, error.detail) from None
    return field
