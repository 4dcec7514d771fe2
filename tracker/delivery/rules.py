"""Under which derogation a unit may go to a ward, and what is seen of a unit that comes back. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from scanners import Udi
from tracker.devices.rules import Finding, UnitOnHold, reason_parts
from tracker.errors import N_, RuleRefused
from tracker.findings.rules import FINDINGS, Outcome, worded
from tracker.verdicts.rules import CoverageFacts, DefinitionFacts, Facts, Purpose, chosen_coverage, findings_of_register


@dataclass(frozen=True, slots=True)
class Handover:
    """To whom a unit goes."""

    ward_id: UUID
    requested_by: str = ""
    received_by: str = ""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was seen of a unit that comes back, and who brought it."""

    doubt: str
    """What is wrong with packaging, sterility or label; empty where nothing is."""
    returned_by: str


@dataclass(frozen=True, slots=True)
class Held:
    """What an open hold says at the bench."""

    reason: str
    """Codes of reasons, or a person's words."""
    since: date
    """Paris calendar."""


def check_not_held(holds: Sequence[Held]) -> None:
    """Check that nothing blocks a unit; the refusal says what does, since when, and who may release it.

    Args:
        holds: the open ones, earliest first.

    Raises:
        UnitOnHold: there is one.
    """
    if holds:
        raise UnitOnHold(
            N_("This unit is on hold since %(since)s: %(reason)s"),
            next_step=N_("Set it aside. On the unit's page, a pharmacist may release it with a reason."),
            since=holds[0].since,
            reason=tuple(dict.fromkeys(part for hold in holds for part in reason_parts(hold.reason))),
        )


LEFT_TO_USE = frozenset({"individual-patient-missing"})
"""What the gate asks of the patient: at delivery it is enough that an individual derogation is in force."""


class NotCovered(RuleRefused):
    """No derogation in force covers the unit on the day of its delivery (Regulation (EU) 2017/745 art. 59)."""

    code = "delivery-not-covered"

    def __init__(self, finding: Finding) -> None:
        rule = FINDINGS[finding.code]
        super().__init__(rule.sentence, next_step=rule.next_step, **_told(finding))
        self.finding = finding

    def explain(self, translate: Callable[[str], str]) -> list[dict[str, str]]:
        """Return the reason in words with the decision it rests on; days as ISO dates."""
        said = worded(self.finding, translate=translate, day=date.isoformat)
        return [{"code": said.code, "sentence": said.sentence, "source": said.source, "next_step": said.next_step}]


def _told(finding: Finding) -> dict[str, object]:
    """Return the data of a sentence: days as dates, the derogation with ANSM's number of the decision it rests on."""
    told: dict[str, object] = dict(finding.data)
    for name, value in finding.data.items():
        if value and name.endswith(("_on", "_until")):
            told[name] = date.fromisoformat(value)
    if finding.data.get("decision"):
        told["designation"] = f"{finding.data['designation']} ({finding.data['decision']})"
    return told


def check_covered(coverages: Iterable[CoverageFacts], *, definition: DefinitionFacts, today: date) -> CoverageFacts:
    """Return the derogation under which a unit may go to a ward: the first that goods-in would accept it under.

    Patient, ward and number of patients are the gate's to check, at use.

    Args:
        coverages: what the register says of the reference on the day, best first.
        definition: what the unit is.
        today: Paris calendar.

    Raises:
        NotCovered: there is none; it says what stands against the one that is nearest.
    """
    ranked = list(coverages)
    asked = Facts(purpose=Purpose.USE, today=today, scan=None, udi=Udi(), definition=definition)
    for coverage in ranked:
        if not _objections(replace(asked, coverages=(coverage,))):
            return coverage
    nearest = chosen_coverage(ranked)
    raise NotCovered(_objections(replace(asked, coverages=(nearest,) if nearest else ()))[0])


def _objections(asked: Facts) -> list[Finding]:
    """Return what the register says against a delivery, as it does at goods-in."""
    return [
        finding
        for finding in findings_of_register(asked)
        if FINDINGS[finding.code].effect is not Outcome.ACCEPTED and finding.code not in LEFT_TO_USE
    ]
