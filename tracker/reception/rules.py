"""The verdict on one box: accepted, quarantined or refused, with every reason. Pure."""

import enum
from dataclasses import dataclass

from tracker.devices.rules import Finding


class Outcome(enum.StrEnum):
    """What happens to the box. Stored: a change needs a migration."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of goods-in on one box, with its findings, most severe first."""

    outcome: Outcome
    findings: tuple[Finding, ...]
