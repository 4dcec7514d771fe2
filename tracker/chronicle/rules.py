"""Entries of the chronicle of one unit. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tracker.errors import N_


class Kind(enum.StrEnum):
    """What an entry is about, in the order in which entries of one instant are told. Sent by the API."""

    TRAY = "tray"
    ARRIVAL = "arrival"
    MOVEMENT = "movement"
    HOLD_OPENED = "hold_opened"
    HOLD_RELEASED = "hold_released"
    LABEL = "label"
    VERSION = "version"
    PLACE = "place"
    PHOTO = "photo"
    COUNT = "count"
    USE = "use"
    CORRECTION = "correction"
    FAILURE = "failure"
    FAILURE_CORRECTION = "failure_correction"
    EXPLANTATION = "explantation"
    EXPLANTATION_CORRECTION = "explantation_correction"
    INCIDENT = "incident"


LABELS: Mapping[Kind, str] = {
    Kind.TRAY: N_("Put into the tray as box %(number)s"),
    Kind.ARRIVAL: N_("Presented with delivery %(number)s"),
    Kind.HOLD_OPENED: N_("Hold opened"),
    Kind.HOLD_RELEASED: N_("Hold released"),
    Kind.LABEL: N_("Label printed"),
    Kind.VERSION: N_("Version %(version)s"),
    Kind.PLACE: N_("Place: %(place)s"),
    Kind.PHOTO: N_("Photo kept"),
    Kind.COUNT: N_("Seen in a stock count"),
    Kind.USE: N_("Use: %(intervention)s"),
    Kind.CORRECTION: N_("Use corrected"),
    Kind.FAILURE: N_("Opened, not implanted"),
    Kind.FAILURE_CORRECTION: N_("Opened, not implanted: corrected"),
    Kind.EXPLANTATION: N_("Explantation"),
    Kind.EXPLANTATION_CORRECTION: N_("Explantation corrected"),
    Kind.INCIDENT: N_("Incident %(number)s declared"),
}
"""Words of every kind but movements, which have the words of their event; filled with the entry's data."""
AGAIN = N_("Label printed again")

_PLACES = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; codes and names, worded when shown. No patient is ever named in it."""

    at: datetime
    kind: Kind
    by: str
    data: Mapping[str, str] = field(default_factory=dict)
    source_id: UUID | None = None
    """The use, the incident, the document it can be followed to."""


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries oldest first; of one instant, in the order of :class:`Kind`."""
    return sorted(entries, key=lambda entry: (entry.at, _PLACES[entry.kind]))
