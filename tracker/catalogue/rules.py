"""What kinds of devices and of codes the catalogue knows. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tracker.errors import N_


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


@dataclass(frozen=True, slots=True)
class NewManufacturer:
    """What is known of a new manufacturer."""

    name: str
    address: str = ""
    website: str = ""
    vigilance_email: str = ""
    srn: str = ""


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """What is known of a new definition."""

    manufacturer_id: UUID
    reference: str
    designation: str
    kind: DeviceKind
    brand: str = ""
    size: str = ""
    expected_lifetime: str = ""
    follow_up: str = ""
    udi_dis: tuple[str, ...] = ()
