"""Why a text could not be read: raised inside the scanners, never out of them.

A parser raises one of these; ``scanners.scan`` turns it into a ``Fault``. The sentence is written where the error is
raised, the code is stable.
"""

from scanners.result import Fault


class ScanError(Exception):
    """A known standard, broken."""

    overridable = False

    def __init__(self, code: str, position: int | None, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.position = position
        self.detail = detail

    def fault(self, offset: int = 0) -> Fault:
        """Return the fault, its position moved by ``offset`` characters into the raw text."""
        position = None if self.position is None else self.position + offset
        return Fault(self.code, position, self.detail, self.overridable)


class BrokenStructure(ScanError):
    """The text does not follow the structure of its standard: nothing of it may be trusted."""


class WrongCheckDigit(ScanError):
    """The text can be read, but its check digit or character says that it was read or printed wrongly."""

    overridable = True


class ImpossibleDate(ScanError):
    """A date that no calendar has."""


class Contradiction(ScanError):
    """Two fields of one label, or two labels of one unit, say different things."""
