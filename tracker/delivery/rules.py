"""What is seen of a unit that comes back. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was seen of a unit that comes back, and who brought it."""

    doubt: str
    """What is wrong with packaging, sterility or label; empty where nothing is."""
    returned_by: str
