"""What is known of a unit that is to be made. Pure."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from tracker.devices.rules import EntryMethod, Event, NewHold


@dataclass(frozen=True, slots=True)
class NewUnit:
    """What is known of a new unit."""

    definition_id: UUID
    entry_method: EntryMethod
    lot_number: str | None = None
    serial_number: str | None = None
    expiration_date: date | None = None
    manufacture_date: date | None = None
    software_version: str | None = None
    udi_di: str | None = None
    raw_scan: bytes | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A unit to make, with the event that begins its life and, where it is to be blocked, its hold."""

    device_id: UUID
    unit: NewUnit
    event: Event
    reason: str = ""
    hold: NewHold | None = None
