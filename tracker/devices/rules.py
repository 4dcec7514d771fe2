"""Events, states and holds of one physical unit, and the reasons a rule gives. Pure.

Codes of events are those of the French national vocabulary TRE_R254-TypeEvenement (OID 1.2.250.1.213.1.1.4.337; domain
reference 3.4).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracker.errors import N_, Conflict, RuleRefused


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


class EntryMethod(enum.StrEnum):
    """How the identity of a unit came in. Stored: a change needs a migration."""

    SCANNED = "scanned"
    PHOTO = "photo"
    MANUAL = "manual"


class Event(enum.StrEnum):
    """An event in the life of a unit (TRE_R254). Stored: a change needs a migration."""

    VALID_RECEIPT = "REC"
    INVALID_RECEIPT = "NRE"
    STOCK_IN = "ESD"
    STOCK_OUT = "SSD"
    DELIVERY = "DEL"
    IMPLANTATION = "POS"
    FAILED_IMPLANTATION = "ECH"
    NON_CONFORMING = "NCO"
    EXPIRED = "PER"
    RESTOCK = "REA"


class UnitState(enum.StrEnum):
    """Where a unit is in its life, after its last event. Stored beside the events: docs/decisions/0009."""

    QUARANTINED = "quarantined"
    RELEASED = "released"
    DELIVERED = "delivered"
    USED = "used"
    FAILED = "failed"
    RETURNED = "returned"
    NON_CONFORMING = "nonconforming"
    EXPIRED = "expired"
    DESTROYED = "destroyed"


class HoldCause(enum.StrEnum):
    """Why a unit is blocked. Stored: a change needs a migration."""

    VERDICT = "verdict"
    INCIDENT = "incident"
    RECALL = "recall"
    DEROGATION = "derogation"
    PHARMACIST = "pharmacist"


USABLE = frozenset({UnitState.RELEASED, UnitState.DELIVERED})
"""The closed list of states in which a unit without any open hold may be used (design, decision 6)."""

_ON_HAND = frozenset({UnitState.QUARANTINED, UnitState.RELEASED, UnitState.DELIVERED})

TRANSITIONS: dict[Event, tuple[frozenset[UnitState | None], UnitState]] = {
    Event.VALID_RECEIPT: (frozenset({None}), UnitState.RELEASED),
    Event.INVALID_RECEIPT: (frozenset({None}), UnitState.QUARANTINED),
    Event.STOCK_IN: (frozenset({UnitState.QUARANTINED}), UnitState.RELEASED),
    Event.DELIVERY: (frozenset({UnitState.RELEASED}), UnitState.DELIVERED),
    Event.RESTOCK: (frozenset({UnitState.DELIVERED}), UnitState.RELEASED),
    Event.IMPLANTATION: (USABLE, UnitState.USED),
    Event.FAILED_IMPLANTATION: (USABLE, UnitState.FAILED),
    Event.NON_CONFORMING: (_ON_HAND, UnitState.NON_CONFORMING),
    Event.EXPIRED: (_ON_HAND, UnitState.EXPIRED),
    Event.STOCK_OUT: (_ON_HAND | {UnitState.NON_CONFORMING, UnitState.EXPIRED}, UnitState.RETURNED),
}
"""For each event: the states it may come from, and the state it leads to."""


class EventNotPossible(Conflict):
    """The unit is not in a state from which this event can happen."""

    code = "unit-event-impossible"


class UnitOnHold(RuleRefused):
    """A unit with an open hold can neither be delivered nor used."""

    code = "unit-on-hold"


def state_after(event: Event, state: UnitState | None) -> UnitState:
    """Return the state after an event.

    Raises:
        EventNotPossible: the event cannot happen from this state.
    """
    origins, result = TRANSITIONS[event]
    if state not in origins:
        raise EventNotPossible(
            N_("This unit is '%(state)s': the event %(event)s is not possible."),
            next_step=N_("Open the unit's page to see its life."),
            state=state.value if state else "",
            event=event.value,
        )
    return result


def is_usable(state: UnitState, open_hold_count: int) -> bool:
    """Test whether a unit may be used: released, and without any open hold."""
    return state in USABLE and open_hold_count == 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason given by a rule: a stable code and the data of its sentence. Stored as it is, worded when shown."""

    code: str
    data: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the finding as it is stored and sent."""
        return {"code": self.code, "data": dict(self.data)}
