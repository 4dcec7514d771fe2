"""Failed implantations and explantations: what is asked of each. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from tracker.catalogue.rules import STAYS_IN_PLACE, DeviceKind
from tracker.devices.rules import UnitState
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused


class Stage(enum.StrEnum):
    """How far it came. Stored: a change needs a migration."""

    OPENED = "opened"
    """Never in contact with a patient."""
    TRIED = "tried"
    """In the patient, and taken out again in the same operation."""


class FailureCause(enum.StrEnum):
    """Why a unit was not implanted. Stored: a change needs a migration."""

    DROPPED = "dropped"
    STERILITY = "sterility"
    SIZE = "size"
    DAMAGED = "damaged"
    NOT_NEEDED = "not_needed"
    OTHER = "other"


class ExplantationCause(enum.StrEnum):
    """Why a device was taken out. Stored: a change needs a migration."""

    INFECTION = "infection"
    LOOSENING = "loosening"
    DAMAGE = "damage"
    PAIN = "pain"
    REPLACEMENT = "replacement"
    RECALL = "recall"
    OTHER = "other"


class Fate(enum.StrEnum):
    """What became of the device that was taken out. Stored: a change needs a migration."""

    UNKNOWN = "unknown"
    KEPT = "kept"
    LABORATORY = "laboratory"
    MANUFACTURER = "manufacturer"
    PATIENT = "patient"
    DISCARDED = "discarded"


STAGE_LABELS: Mapping[Stage, str] = {
    Stage.OPENED: N_("Opened, never in contact with the patient"),
    Stage.TRIED: N_("Tried in the patient"),
}
FAILURE_LABELS: Mapping[FailureCause, str] = {
    FailureCause.DROPPED: N_("It fell"),
    FailureCause.STERILITY: N_("No longer sterile"),
    FailureCause.SIZE: N_("Wrong size"),
    FailureCause.DAMAGED: N_("Broken or faulty"),
    FailureCause.NOT_NEEDED: N_("Opened, then not needed"),
    FailureCause.OTHER: N_("Another reason"),
}
EXPLANTATION_LABELS: Mapping[ExplantationCause, str] = {
    ExplantationCause.INFECTION: N_("Infection"),
    ExplantationCause.LOOSENING: N_("Loosening or migration"),
    ExplantationCause.DAMAGE: N_("Wear or breakage"),
    ExplantationCause.PAIN: N_("Pain or instability"),
    ExplantationCause.REPLACEMENT: N_("Planned replacement"),
    ExplantationCause.RECALL: N_("Recall by the manufacturer"),
    ExplantationCause.OTHER: N_("Another reason"),
}
FATE_LABELS: Mapping[Fate, str] = {
    Fate.UNKNOWN: N_("Not known"),
    Fate.KEPT: N_("Kept in the hospital"),
    Fate.LABORATORY: N_("Sent to a laboratory"),
    Fate.MANUFACTURER: N_("Sent to the manufacturer"),
    Fate.PATIENT: N_("Given to the patient"),
    Fate.DISCARDED: N_("Discarded"),
}

SUSPECT: frozenset[FailureCause | ExplantationCause] = frozenset(
    {
        FailureCause.DAMAGED,
        ExplantationCause.INFECTION,
        ExplantationCause.LOOSENING,
        ExplantationCause.DAMAGE,
        ExplantationCause.PAIN,
    }
)
"""Causes that ask whether it was an incident: any defect in use is told to the vigilance correspondent (CI-SIS)."""


class FailureInvalid(InvalidInput):
    """A field of a failed implantation is missing or wrong."""

    code = "failure-invalid"


class ExplantationInvalid(InvalidInput):
    """A field of an explantation is missing or wrong."""

    code = "explantation-invalid"


class NotImplantable(RuleRefused):
    """Equipment and software are neither implanted nor taken out."""

    code = "not-implantable"


class UseWithdrawn(Conflict):
    """A correction says that the unit was not used for this patient."""

    code = "use-withdrawn"


class AlreadyExplanted(Conflict):
    """The device was taken out before."""

    code = "already-explanted"


@dataclass(frozen=True, slots=True)
class NewFailure:
    """A unit that was opened and not implanted, as somebody records it."""

    unit_number: str
    """As on our label."""
    failed_on: date
    """Paris calendar."""
    stage: Stage
    cause: FailureCause
    operator_id: UUID
    ward_id: UUID
    patient_id: UUID | None = None
    """Known or not where it was opened only; never absent where it was tried."""
    note: str = ""

    def tidied(self) -> "NewFailure":
        """Return it without outer spaces."""
        return replace(self, note=self.note.strip())

    def columns(self) -> dict[str, Any]:
        """Return what was entered, by column; the unit is not among them."""
        values = asdict(self)
        del values["unit_number"]
        return values


@dataclass(frozen=True, slots=True)
class NewExplantation:
    """A device that was taken out of its patient, as somebody records it."""

    explanted_on: date
    """Paris calendar."""
    cause: ExplantationCause
    operator_id: UUID | None
    """A surgeon of this hospital; None where it was done elsewhere."""
    elsewhere: str = ""
    """Who, and in which hospital, where it was done elsewhere."""
    fate: Fate = Fate.UNKNOWN
    note: str = ""

    def tidied(self) -> "NewExplantation":
        """Return it without outer spaces."""
        return replace(self, elsewhere=self.elsewhere.strip(), note=self.note.strip())


_WRONG = N_("Something is missing or wrong.")
_CORRECT = N_("Correct it below.")
_NOT_LATER = N_("It cannot be after today.")
_WRITE = N_("Write the reason.")


def check_failure(new: NewFailure, *, kind: DeviceKind, received_on: date, today: date) -> None:
    """Check that a failed implantation can be recorded; a reason is always given (CI-SIS "Traçabilité des DMI").

    Args:
        new: what is recorded, without outer spaces.
        kind: of the device.
        received_on: day on which the unit came.
        today: Paris calendar.

    Raises:
        NotImplantable: equipment or software.
        FailureInvalid: the day cannot be, or patient or reason are missing.
    """
    if kind in STAYS_IN_PLACE:
        raise NotImplantable(
            N_("Equipment and software are not implanted."),
            next_step=N_("Block the unit, or declare an incident."),
        )
    fields = {} if received_on <= new.failed_on else {"failed_on": N_("Give a day on or after receipt.")}
    if new.failed_on > today:
        fields["failed_on"] = _NOT_LATER
    if new.stage is Stage.TRIED and new.patient_id is None:
        fields["patient_ipp"] = N_("It was tried in a patient: say in whom.")
    if new.cause is FailureCause.OTHER and not new.note:
        fields["note"] = _WRITE
    if fields:
        raise FailureInvalid(_WRONG, fields=fields, next_step=_CORRECT)


def may_explant(kind: DeviceKind, state: UnitState) -> bool:
    """Test whether a unit is an implant in a patient, or was one."""
    return kind is DeviceKind.IMPLANT and state is UnitState.USED


def check_explantation(new: NewExplantation, *, kind: DeviceKind, used_on: date, today: date) -> None:
    """Check that an explantation can be recorded.

    Args:
        new: what is recorded, without outer spaces.
        kind: of the device.
        used_on: day on which it was implanted.
        today: Paris calendar.

    Raises:
        NotImplantable: the device is no implant.
        ExplantationInvalid: the day cannot be, or who or why is missing.
    """
    if kind is not DeviceKind.IMPLANT:
        raise NotImplantable(
            N_("This device is no implant: it is not taken out of a patient."),
            next_step=N_("If it is one, correct its kind in the catalogue."),
        )
    fields = {}
    if not used_on <= new.explanted_on <= today:
        fields["explanted_on"] = N_("Give a day from the implantation to today.")
    if (new.operator_id is None) == (not new.elsewhere):
        fields["elsewhere"] = N_("Choose a surgeon of this hospital, or write who did it elsewhere.")
    if new.cause is ExplantationCause.OTHER and not new.note:
        fields["note"] = _WRITE
    if fields:
        raise ExplantationInvalid(_WRONG, fields=fields, next_step=_CORRECT)
