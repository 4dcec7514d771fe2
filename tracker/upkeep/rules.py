"""What may be recorded of software and equipment in place, and what an update means for the derogation. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from scanners import Status, scan
from tracker.catalogue.rules import STAYS_IN_PLACE, DeviceKind
from tracker.devices.rules import ON_HAND, Finding, UnitState
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused


class Change(enum.StrEnum):
    """What a new version changes, as the manufacturer states it. Stored: a change needs a migration.

    Source: MDR annex VI, part C, 6.5.2 and 6.5.3; MDCG 2018-5.
    """

    MINOR = "minor"
    """A bug fix or a security patch: a new UDI-PI only."""
    MAJOR = "major"
    """Algorithm, database, platform, interface, interoperability, performance, intended use or interpretation: it takes
    a new UDI-DI, so it is another device."""
    UNKNOWN = "unknown"


CHANGE_LABELS: Mapping[Change, str] = {
    Change.MINOR: N_("Bug fix or security patch: same UDI-DI"),
    Change.MAJOR: N_("Algorithm, data, platform, performance or intended use: new UDI-DI"),
    Change.UNKNOWN: N_("Not known"),
}


class NotSoftware(RuleRefused):
    """Only software has versions."""

    code = "not-software"


class PlaceNotKept(RuleRefused):
    """The unit is of a kind that stands nowhere for long."""

    code = "place-not-kept"


class UnitGone(Conflict):
    """The unit is no longer in the hospital."""

    code = "unit-gone"


class UpdateInvalid(InvalidInput):
    """A field of an update is missing or wrong."""

    code = "update-invalid"


class PlaceInvalid(InvalidInput):
    """A field of a move is missing or wrong."""

    code = "place-invalid"


class VersionUnchanged(Conflict):
    """The unit runs this version already."""

    code = "version-unchanged"


class PlaceUnchanged(Conflict):
    """The unit stands there already."""

    code = "place-unchanged"


class PhotoRefused(InvalidInput):
    """The file is no photo that may be kept with a unit."""

    code = "photo-refused"


class PhotoShowsPatient(RuleRefused):
    """The label of a patient is on the photo; nothing of it is kept."""

    code = "photo-shows-patient"


class PhotosFull(Conflict):
    """The unit has as many photos as its page can show."""

    code = "photos-full"


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo as it arrived."""

    content: bytes
    filename: str = ""
    texts: tuple[str, ...] = field(default=(), repr=False)
    """What a decoder reads on it: a patient's label is looked for in it, nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """An update as somebody records it."""

    version: str
    change: Change
    installed_on: date
    """Paris calendar."""
    note: str = ""

    def tidied(self) -> "NewUpdate":
        """Return it without outer spaces."""
        return NewUpdate(self.version.strip(), self.change, self.installed_on, self.note.strip())


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A move as somebody records it."""

    place: str
    moved_on: date
    """Paris calendar."""
    note: str = ""

    def tidied(self) -> "NewPlace":
        """Return it without outer spaces."""
        return NewPlace(self.place.strip(), self.moved_on, self.note.strip())


MOST_PHOTOS = 12
"""Photos of one unit: label, both sides, package, damage; no album [design]."""
PHOTO_TYPES = frozenset({"image/png", "image/jpeg"})


def check_photo(texts: Iterable[str], *, media_type: str, today: date) -> None:
    """Check that a file is a photo without a patient's label.

    Args:
        texts: what a decoder read on it.
        media_type: by its first bytes.
        today: reference for two-digit years on the labels.

    Raises:
        PhotoRefused: it is a document, not a picture.
        PhotoShowsPatient: a patient's label is on it.
    """
    if media_type not in PHOTO_TYPES:
        raise PhotoRefused(
            N_("The file is no photo."),
            fields={"photo": N_("Send a PNG or JPEG image.")},
            next_step=N_("Take a photo of the label and send it."),
        )
    if any(text and scan(text, reference_date=today).status is Status.PATIENT for text in texts):
        raise PhotoShowsPatient(
            N_("This is a patient's label. Nothing of it was kept."),
            next_step=N_("Take a photo of the device alone, without any label of a patient."),
        )


def check_photo_count(count: int) -> None:
    """Check that a unit may have one more photo.

    Raises:
        PhotosFull: it has as many as its page can show.
    """
    if count >= MOST_PHOTOS:
        raise PhotosFull(
            N_("This unit has %(count)s photos already. Nothing was kept."),
            next_step=N_("Open the unit's page to see them."),
            count=count,
        )


_NOT_BEFORE = N_("It cannot be before the one recorded last.")
_NOT_LATER = N_("It cannot be after today.")


def check_update(
    new: NewUpdate, *, kind: DeviceKind, state: UnitState, present: str | None, last_on: date | None, today: date
) -> None:
    """Check that an update can be recorded.

    Args:
        new: what is recorded, without outer spaces.
        kind: of the device.
        state: of the unit.
        present: the version it runs; None where nobody knows.
        last_on: day of the update before, None where there is none.
        today: Paris calendar.

    Raises:
        NotSoftware: the device is of another kind.
        UnitGone: the unit is not in the hospital.
        UpdateInvalid: the version is missing, or the day is impossible.
        VersionUnchanged: it runs this version already.
    """
    if kind is not DeviceKind.SOFTWARE:
        raise NotSoftware(
            N_("This device is not software: it has no versions."),
            next_step=N_("If it is software, add it to the catalogue with this kind."),
        )
    _check_here(state)
    fields = {} if new.version else {"version": N_("Write the version as the program shows it.")}
    fields |= _wrong_day("installed_on", new.installed_on, last_on=last_on, today=today)
    if fields:
        raise UpdateInvalid(N_("Something is missing or wrong."), fields=fields, next_step=N_("Correct it below."))
    if new.version == present:
        raise VersionUnchanged(
            N_("The unit already runs version %(version)s. Nothing was written."),
            next_step=N_("Look at the versions it had: a colleague may have recorded this update."),
            version=new.version,
        )


def check_place(
    new: NewPlace, *, kind: DeviceKind, state: UnitState, present: str | None, last_on: date | None, today: date
) -> None:
    """Check that a move can be recorded; the arguments are those of :func:`check_update`.

    Raises:
        PlaceNotKept: units of this kind have no place of their own.
        UnitGone: the unit is not in the hospital.
        PlaceInvalid: the place is missing, or the day is impossible.
        PlaceUnchanged: it stands there already.
    """
    if kind not in STAYS_IN_PLACE:
        raise PlaceNotKept(
            N_("Only equipment and software have a place of their own."),
            next_step=N_("Deliver the unit to a ward instead."),
        )
    _check_here(state)
    fields = {} if new.place else {"place": N_("Write where it stands.")}
    fields |= _wrong_day("moved_on", new.moved_on, last_on=last_on, today=today)
    if fields:
        raise PlaceInvalid(N_("Something is missing or wrong."), fields=fields, next_step=N_("Correct it below."))
    if new.place == present:
        raise PlaceUnchanged(
            N_("The unit already stands there. Nothing was written."),
            next_step=N_("Look at the places it had: a colleague may have recorded this move."),
        )


def may_move(kind: DeviceKind, state: UnitState) -> bool:
    """Test whether a unit has a place of its own that may change."""
    return kind in STAYS_IN_PLACE and state in ON_HAND


def may_update(kind: DeviceKind, state: UnitState) -> bool:
    """Test whether a new version of a unit may be recorded."""
    return kind is DeviceKind.SOFTWARE and state in ON_HAND


def _check_here(state: UnitState) -> None:
    if state not in ON_HAND:
        raise UnitGone(
            N_("This unit is '%(state)s': nothing more is recorded of it."),
            next_step=N_("Open the unit's page to see its life."),
            state=state.value,
        )


def _wrong_day(name: str, day: date, *, last_on: date | None, today: date) -> dict[str, str]:
    if day > today:
        return {name: _NOT_LATER}
    return {name: _NOT_BEFORE} if last_on is not None and day < last_on else {}


def findings_of_change(new: NewUpdate) -> tuple[Finding, ...]:
    """Return what the change itself says: only a minor one leaves the device what the derogation covers."""
    codes = {Change.MAJOR: "software-change-major", Change.UNKNOWN: "software-change-unknown"}
    code = codes.get(new.change)
    return (Finding(code, {"version": new.version}),) if code else ()
