"""What may be corrected of a use, and where a unit goes that was not used after all. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

from tracker.derogations.rules import DerogationStatus
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused
from tracker.use.rules import Intervention, Side


class Whereabouts(enum.StrEnum):
    """What the pharmacist found of a unit that was not used. Sent by the API."""

    WARD = "ward"
    """With its ward, its package intact."""
    CHECK = "check"
    """Brought back, or not seen yet: to be checked."""


WHEREABOUTS_LABELS: Mapping[Whereabouts, str] = {
    Whereabouts.CHECK: N_("To be checked: it goes into quarantine"),
    Whereabouts.WARD: N_("I have seen it in its ward, its package intact: it may be used there"),
}
NOT_USED = "use-withdrawn"
_STOPPED = frozenset({DerogationStatus.SUSPENDED, DerogationStatus.WITHDRAWN})


class CorrectionInvalid(InvalidInput):
    """A field of a correction is missing or wrong."""

    code = "correction-invalid"


class UseCorrected(Conflict):
    """Another correction took this record back already."""

    code = "use-corrected"


class UseExplanted(RuleRefused):
    """The device of this use was taken out of the patient: it was used."""

    code = "use-explanted"


@dataclass(frozen=True, slots=True)
class Amendment:
    """The details of a use as they should have been entered; the unit and the patient are not among them."""

    used_on: date
    """Paris calendar."""
    operator_id: UUID
    ward_id: UUID
    side: Side
    intervention: Intervention
    implanted_system: str
    reason: str
    used_time: time | None = None
    """Hospital's clock; None where it is not known."""


def check_why(why: str) -> str:
    """Return why a use is corrected, without outer spaces.

    Raises:
        CorrectionInvalid: nothing was written.
    """
    if not why.strip():
        raise CorrectionInvalid(
            N_("Write what was wrong: it is kept with the correction."), fields={"why": N_("Write what was wrong.")}
        )
    return why.strip()


def check_changes(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of what a correction changes.

    Raises:
        CorrectionInvalid: it changes nothing.
    """
    changed = tuple(name for name, value in after.items() if before[name] != value)
    if not changed:
        raise CorrectionInvalid(
            N_("Nothing differs from what is recorded. Nothing was written."),
            next_step=N_("Change what is wrong below. For a wrong unit or patient, a pharmacist withdraws the use."),
        )
    return changed


def check_not_explanted(explanted_on: date | None, *, used_on: date | None = None) -> None:
    """Check that a correction agrees with an explantation.

    Args:
        explanted_on: day of the explantation, None where there was none.
        used_on: the corrected day of the use, None where the use is withdrawn.

    Raises:
        UseExplanted: the device was taken out of this patient, before the corrected day.
    """
    if explanted_on is not None and (used_on is None or used_on > explanted_on):
        raise UseExplanted(
            N_("This device was taken out of the patient on %(explanted_on)s: it was used before."),
            next_step=N_("Check the unit's number and the day on the page of the use."),
            explanted_on=explanted_on.isoformat(),
        )


def doubt_about(
    whereabouts: Whereabouts, *, has_ward: bool, is_lot_held: bool, status: DerogationStatus, is_past: bool
) -> str:
    """Return why a unit that was not used after all is blocked; empty where it is with its ward and may be used.

    The pharmacist decides, but never against a block on the lot, a stopped derogation or the shelf life; a unit that no
    ward has is checked in the pharmacy first.
    """
    codes = [
        ("lot-on-hold", is_lot_held),
        (f"derogation-{status.value}", status in _STOPPED),
        ("shelf-life-past", is_past),
        (NOT_USED, whereabouts is Whereabouts.CHECK or not has_ward),
    ]
    return " ".join([code for code, applies in codes if applies])
