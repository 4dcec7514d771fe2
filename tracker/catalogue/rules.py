"""What kinds of devices and of codes the catalogue knows. Pure."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from scanners import Status, scan
from tracker.errors import N_, RuleRefused


class DeviceKind(enum.StrEnum):
    """What kind of device a definition is (domain reference 8). Stored: a change needs a migration."""

    IMPLANT = "implant"
    CONSUMABLE = "consumable"
    SOFTWARE = "software"
    IVD = "ivd"
    EQUIPMENT = "equipment"


class IdentifierKind(enum.StrEnum):
    """How a definition is found. Stored: a change needs a migration."""

    UDI_DI = "udi_di"
    REFERENCE = "reference"


KIND_LABELS: Mapping[DeviceKind, str] = {
    DeviceKind.IMPLANT: N_("Implantable device"),
    DeviceKind.CONSUMABLE: N_("Consumable"),
    DeviceKind.SOFTWARE: N_("Software"),
    DeviceKind.IVD: N_("In vitro diagnostic device"),
    DeviceKind.EQUIPMENT: N_("Equipment"),
}


STAYS_IN_PLACE = frozenset({DeviceKind.SOFTWARE, DeviceKind.EQUIPMENT})
"""Kinds whose units stand somewhere for years; the others lie on a shelf or go to a ward."""


@dataclass(frozen=True, slots=True)
class NewManufacturer:
    """What is known of a new manufacturer."""

    name: str
    address: str = ""
    website: str = ""
    vigilance_email: str = ""
    srn: str = ""


@dataclass(frozen=True, slots=True)
class DefinitionFacts:
    """What may be corrected of a definition; its manufacturer and reference stay, they are what it is."""

    designation: str
    kind: DeviceKind
    brand: str = ""
    size: str = ""
    expected_lifetime: str = ""
    follow_up: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDefinition(DefinitionFacts):
    """What is known of a new definition."""

    manufacturer_id: UUID
    reference: str
    udi_dis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueLine:
    """One device as a file states it."""

    number: int
    """Of the line, as a spreadsheet counts: the header is line 1."""
    manufacturer: str
    reference: str
    designation: str
    kind: DeviceKind
    brand: str = ""
    size: str = ""
    expected_lifetime: str = ""
    follow_up: str = ""
    udi_dis: tuple[str, ...] = ()

    def stated(self) -> dict[str, str]:
        """Return the fields that the line states; what is empty erases nothing."""
        values = {
            "designation": self.designation,
            "kind": self.kind.value,
            "brand": self.brand,
            "size": self.size,
            "expected_lifetime": self.expected_lifetime,
            "follow_up": self.follow_up,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class NewMerge:
    """A merge to record. ``id`` is the client's."""

    id: UUID
    survivor_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What some lines of a file did to the catalogue."""

    created: int = 0
    changed: int = 0
    known: int = 0


def changes_between(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the fields that differ, each with its old and its new value.

    >>> changes_between({"brand": "A", "size": "1"}, {"brand": "B", "size": "1"})
    {'brand': ['A', 'B']}
    """
    return {name: [before[name], value] for name, value in after.items() if before[name] != value}


class MergeNotPossible(RuleRefused):
    """Two devices, or two manufacturers, that cannot be one."""

    code = "merge-impossible"


def check_mergeable(absorbed_id: UUID, survivor_id: UUID, *, kinds: frozenset[DeviceKind], is_merged: bool) -> None:
    """Check that one definition may be absorbed by another.

    Raises:
        MergeNotPossible: they are the same, one was absorbed already, or they are of different kinds.
    """
    reason = ""
    if absorbed_id == survivor_id:
        reason = N_("A device cannot be merged with itself.")
    elif is_merged:
        reason = N_("One of the two was merged already.")
    elif len(kinds) > 1:
        reason = N_("The two are devices of different kinds.")
    if reason:
        raise MergeNotPossible(reason, next_step=N_("Open both in the catalogue and compare them."))


def read_udi_di(code: str, *, today: date) -> str | None:
    """Return the UDI-DI that a text carries, scanned or typed; None for anything else, or a wrong check digit.

    >>> read_udi_di("03700000000013", today=date(2026, 3, 2)), read_udi_di("03700000000012", today=date(2026, 3, 2))
    ('03700000000013', None)
    """
    read = scan(code, reference_date=today, group_separator_known=False)
    if read.udi is not None and read.udi.udi_di and read.status in {Status.OK, Status.AMBIGUOUS}:
        return read.udi.udi_di
    return code if read.status is Status.UNKNOWN and code.isprintable() else None


def check_makers_mergeable(
    absorbed_id: UUID, survivor_id: UUID, *, is_merged: bool, has_derogations: bool, clashes: Sequence[str]
) -> None:
    """Check that one manufacturer may be absorbed by another.

    Raises:
        MergeNotPossible: they are the same, one was absorbed already, the absorbed one holds derogations, or both have
            devices with one reference.
    """
    if absorbed_id == survivor_id:
        raise MergeNotPossible(
            N_("A manufacturer cannot be merged with itself."), next_step=N_("Choose another one from the list.")
        )
    if is_merged:
        raise MergeNotPossible(
            N_("One of the two was merged already."), next_step=N_("Choose another one from the list.")
        )
    if has_derogations:  # what ANSM decided names it: that is not rewritten
        raise MergeNotPossible(
            N_("Derogations of the register are this manufacturer's: it cannot be the one that disappears."),
            next_step=N_("Merge the other way round: keep the name that ANSM's decisions carry."),
        )
    if clashes:
        raise MergeNotPossible(
            N_("Both have devices with the same reference: %(references)s."),
            next_step=N_("Merge these devices first, in the catalogue."),
            references=", ".join(clashes),
        )
