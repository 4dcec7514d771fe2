"""What a parser makes of a text that follows its standard."""

from dataclasses import dataclass

from scanners.result import Element, Fault, Standard, Udi


@dataclass(frozen=True, slots=True)
class Label:
    """One label, read.

    ``fault`` is set when everything could be read and only a check digit is wrong: a person may then go on with a
    written reason. Whatever cannot be read raises a ``ScanError`` instead.
    """

    standard: Standard
    udi: Udi
    elements: tuple[Element, ...]
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    alternatives: tuple[Udi, ...] = ()
    """What else it may say, when ``fault`` leaves several readings, best first."""
