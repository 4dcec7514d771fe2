"""Events, states and holds of one physical unit, and the reasons a rule gives. Pure.

Codes of events are those of the French national vocabulary TRE_R254-TypeEvenement (OID 1.2.250.1.213.1.1.4.337; domain
reference 3.4).
"""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast
from uuid import UUID

from scanners.udi import unit as unit_label
from tracker.catalogue.rules import STAYS_IN_PLACE, DeviceKind
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused


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
    RECEIPT_CORRECTED = "ANR"
    """Our own code: the vocabulary has none for a receipt that was a mistake."""
    USE_CORRECTED = "ANP"
    """Our own code too: a use or a failed implantation that was recorded for the wrong unit."""
    USE_IN_SERVICE = "UTI"
    """Our own code: the vocabulary has none for a use that leaves equipment or software in service."""


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
    VOIDED = "voided"
    """Its receipt was a mistake: a dated correction says so, and nothing was deleted."""


class HoldCause(enum.StrEnum):
    """Why a unit is blocked. Stored: a change needs a migration."""

    VERDICT = "verdict"
    INCIDENT = "incident"
    RECALL = "recall"
    DEROGATION = "derogation"
    PHARMACIST = "pharmacist"


EVENT_LABELS: Mapping[Event, str] = {
    Event.VALID_RECEIPT: N_("Valid receipt"),
    Event.INVALID_RECEIPT: N_("Receipt with reserve: quarantine"),
    Event.STOCK_IN: N_("Stock in"),
    Event.STOCK_OUT: N_("Stock out"),
    Event.DELIVERY: N_("Delivery to the ward"),
    Event.IMPLANTATION: N_("Implantation"),
    Event.FAILED_IMPLANTATION: N_("Failed implantation"),
    Event.NON_CONFORMING: N_("Non-conforming"),
    Event.EXPIRED: N_("Past shelf life"),
    Event.RESTOCK: N_("Restock"),
    Event.RECEIPT_CORRECTED: N_("Receipt cancelled by a correction"),
    Event.USE_CORRECTED: N_("Use or failure cancelled by a correction"),
    Event.USE_IN_SERVICE: N_("Use, stays in service"),
}
ENTRY_LABELS: Mapping[EntryMethod, str] = {
    EntryMethod.SCANNED: N_("Scanned"),
    EntryMethod.PHOTO: N_("Read in a photo"),
    EntryMethod.MANUAL: N_("Entered by hand"),
}
CAUSE_LABELS: Mapping[HoldCause, str] = {
    HoldCause.VERDICT: N_("Verdict at goods-in"),
    HoldCause.INCIDENT: N_("Incident"),
    HoldCause.RECALL: N_("Recall"),
    HoldCause.DEROGATION: N_("Derogation"),
    HoldCause.PHARMACIST: N_("Pharmacist's decision"),
}
STATE_LABELS: Mapping[UnitState, str] = {
    UnitState.QUARANTINED: N_("In quarantine"),
    UnitState.RELEASED: N_("Released"),
    UnitState.DELIVERED: N_("Delivered"),
    UnitState.USED: N_("Used"),
    UnitState.FAILED: N_("Opened, not implanted"),
    UnitState.RETURNED: N_("Returned"),
    UnitState.NON_CONFORMING: N_("Non-conforming"),
    UnitState.EXPIRED: N_("Past shelf life"),
    UnitState.DESTROYED: N_("Destroyed"),
    UnitState.VOIDED: N_("Receipt cancelled"),
}
_REFUSALS: Mapping[UnitState, str] = {
    UnitState.QUARANTINED: N_("This unit is in quarantine: that cannot be done with it now."),
    UnitState.RELEASED: N_("This unit is in stock at the pharmacy: that cannot be done with it now."),
    UnitState.DELIVERED: N_("This unit is delivered to a ward: that cannot be done with it now."),
    UnitState.USED: N_("This unit was used: that cannot be done with it."),
    UnitState.FAILED: N_("This unit was opened and not implanted: that cannot be done with it."),
    UnitState.RETURNED: N_("This unit went back to the supplier: that cannot be done with it."),
    UnitState.NON_CONFORMING: N_("This unit is non-conforming: that cannot be done with it."),
    UnitState.EXPIRED: N_("The shelf life of this unit is over: that cannot be done with it."),
    UnitState.DESTROYED: N_("This unit was destroyed: that cannot be done with it."),
    UnitState.VOIDED: N_("The receipt of this unit was cancelled: that cannot be done with it."),
}
"""What is said where an event cannot happen, by the state in which the unit is."""
REASON_LABELS: Mapping[str, str] = {
    "derogation-end-unknown": N_("the end of the derogation is not recorded"),
    "scope-reading-missing": N_("the scope of the derogation was not read for this reference"),
    "individual-patient-missing": N_("the individual derogation names no patient yet"),
    "lot-on-hold": N_("the lot is on hold"),
    "lot-on-recall": N_("the lot is under recall"),
    "serial-known-elsewhere": N_("the serial number is known in another establishment of the group"),
    "clinical-reason-missing": N_("the clinician's written reason is missing"),
    "patient-cap-reached": N_("the number of patients that the derogation allows is reached"),
    "seals-damaged": N_("the seals of the delivery were damaged"),
    "temperature-outside": N_("the temperature of the delivery was out of range"),
    "expiry-conflict": N_("two expiry dates disagree"),
    "derogation-none": N_("the register has no derogation for it"),
    "reference-not-listed": N_("the derogation does not list the reference"),
    "derogation-refused": N_("the derogation was refused"),
    "derogation-ended": N_("the derogation has ended"),
    "derogation-not-yet": N_("the derogation has not begun"),
    "derogation-unknown": N_("the derogation has no decision in force"),
    "site-not-allowed": N_("the derogation allows other establishments only"),
    "software-change-major": N_("the new version is another device"),
    "software-change-unknown": N_("what the new version changes is not known"),
    "derogation-suspended": N_("the derogation is suspended"),
    "derogation-withdrawn": N_("the derogation is withdrawn"),
    "derogation-reinstated": N_("the derogation is in force again"),
    "shelf-life-past": N_("the last day of use is over"),
    "left-stock": N_("the unit has left the hospital"),
    "not-implanted": N_("the unit was opened and not implanted"),
    "failure-withdrawn": N_("it was recorded as opened by mistake: to be checked"),
    "use-withdrawn": N_("a use was recorded for it by mistake: to be checked"),
    "stays-in-service": N_("equipment and software stay in service after a use"),
    "partial_revision": N_("partial revision of an implanted system"),
    "first_implantation": N_("first implantation"),
    "complete_replacement": N_("replacement of a complete system"),
    "other": N_("other use"),
}
"""Words of the reasons that the program gives: of holds it opens, of uses; people write theirs in their own words."""

USABLE = frozenset({UnitState.RELEASED, UnitState.DELIVERED})
"""The closed list of states in which a unit without any open hold may be used (design, decision 6)."""

ON_HAND = frozenset({UnitState.QUARANTINED, UnitState.RELEASED, UnitState.DELIVERED})
"""States of a unit that is in the hospital and can still be stopped: those a hold on the lot reaches."""

GONE = frozenset({UnitState.USED, UnitState.RETURNED, UnitState.DESTROYED, UnitState.VOIDED})
"""States of a unit that nobody can hold here any more; a box whose receipt was taken back goes under another number."""

TRANSITIONS: dict[Event, tuple[frozenset[UnitState | None], UnitState | None]] = {
    Event.VALID_RECEIPT: (frozenset({None}), UnitState.RELEASED),
    Event.INVALID_RECEIPT: (frozenset({None, UnitState.DELIVERED}), UnitState.QUARANTINED),
    Event.STOCK_IN: (frozenset({UnitState.QUARANTINED}), UnitState.RELEASED),
    Event.DELIVERY: (frozenset({UnitState.RELEASED}), UnitState.DELIVERED),
    Event.RESTOCK: (frozenset({UnitState.DELIVERED}), UnitState.RELEASED),
    Event.IMPLANTATION: (USABLE, UnitState.USED),
    Event.FAILED_IMPLANTATION: (USABLE, UnitState.FAILED),
    Event.NON_CONFORMING: (ON_HAND, UnitState.NON_CONFORMING),
    Event.EXPIRED: (ON_HAND, UnitState.EXPIRED),
    Event.STOCK_OUT: (ON_HAND | {UnitState.NON_CONFORMING, UnitState.EXPIRED, UnitState.FAILED}, UnitState.RETURNED),
    Event.RECEIPT_CORRECTED: (frozenset({UnitState.QUARANTINED, UnitState.RELEASED}), UnitState.VOIDED),
    Event.USE_CORRECTED: (frozenset({UnitState.USED, UnitState.FAILED}), UnitState.DELIVERED),
    Event.USE_IN_SERVICE: (USABLE, None),
}
"""For each event: the states it may come from, and the state it leads to; None: the unit stays in the one it was in."""


def use_event(kind: DeviceKind) -> Event:
    """Return what a use is to a unit: implants and what is used up end with it, equipment and software stay in service.

    The kind of the definition decides alone: equipment and software keep a serial number or a version, a place and a
    state of upkeep (domain reference 8), and each use of them asks the gate anew.
    """
    return Event.USE_IN_SERVICE if kind in STAYS_IN_PLACE else Event.IMPLANTATION


_LEAVES_THE_WARD = frozenset({Event.RESTOCK, Event.INVALID_RECEIPT, Event.STOCK_IN, Event.STOCK_OUT})
"""After these a unit is in the pharmacy, or gone; after the others it is where it was."""


CLOSES_HOLDS: Mapping[UnitState, str] = {
    UnitState.RETURNED: "left-stock",
    UnitState.DESTROYED: "left-stock",
    UnitState.FAILED: "not-implanted",
}
"""States after which nothing is left to block, and why the holds of a unit are closed with it."""

BACK_FROM_WARD = frozenset({Event.RESTOCK, Event.INVALID_RECEIPT})
"""What a return from a ward is recorded as."""


def place_after(event: Event, place: UUID | None, *, ward_id: UUID | None) -> UUID | None:
    """Return the ward in which a unit stands after an event, None for the pharmacy.

    Args:
        event: what happened.
        place: the ward before.
        ward_id: the ward of a delivery.
    """
    if event is Event.DELIVERY:
        return ward_id
    return None if event in _LEAVES_THE_WARD else place


class EventNotPossible(Conflict):
    """The unit is not in a state from which this event can happen."""

    code = "unit-event-impossible"


class UnitMoved(Conflict):
    """Something happened to the unit since its receipt: the receipt cannot be taken back any more."""

    code = "unit-moved"


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
            _REFUSALS[state] if state else N_("This unit was not received: that cannot be done with it."),
            next_step=N_("Open the unit's page to see its life."),
            state=state.value if state else "",
            event=event.value,
        )
    return result or cast("UnitState", state)  # what stays as it is had a state: None is no origin of it


def is_usable(state: UnitState, open_hold_count: int) -> bool:
    """Test whether a unit may be used: released, and without any open hold."""
    return state in USABLE and open_hold_count == 0


class UnitPastShelfLife(RuleRefused):
    """The last day of use is over."""

    code = "unit-past-shelf-life"


class HoldNotPossible(Conflict):
    """The unit is no longer in the hospital."""

    code = "hold-impossible"


class ReasonMissing(InvalidInput):
    """A decision about a unit needs a written reason."""

    code = "reason-missing"


def reason_parts(reason: str) -> tuple[str, ...]:
    """Return the texts that make a stored reason readable, to be translated one by one: words of codes, or a person's.

    >>> reason_parts("lot-on-hold expiry-conflict")
    ('the lot is on hold', 'two expiry dates disagree')
    >>> reason_parts("seal broken")
    ('seal broken',)
    """
    codes = reason.split()
    if codes and all(code in REASON_LABELS for code in codes):
        return tuple([REASON_LABELS[code] for code in codes])
    return (reason,) if reason else ()


def is_past(expiration_date: date | None, today: date) -> bool:
    """Test whether the last day of use is over; it counts itself (Paris calendar)."""
    return expiration_date is not None and expiration_date < today


def check_no_hold(open_hold_count: int) -> None:
    """Check that nothing blocks a unit.

    Raises:
        UnitOnHold: it has an open hold.
    """
    if open_hold_count:
        raise UnitOnHold(
            N_("This unit is on hold: it can neither be delivered nor used."),
            next_step=N_("Open the unit's page: a pharmacist may release it with a reason."),
            count=open_hold_count,
        )


def check_deliverable(
    state: UnitState, *, open_hold_count: int, expiration_date: date | None, today: date
) -> UnitState:
    """Check that a unit may go to a ward, and return its state afterwards.

    Raises:
        UnitPastShelfLife: its last day of use is over.
    """
    check_no_hold(open_hold_count)
    if is_past(expiration_date, today):
        raise UnitPastShelfLife(
            N_("The shelf life of this unit ended on %(expired_on)s: it cannot be delivered."),
            next_step=N_("Set it aside and open a hold."),
            expired_on=expiration_date,
        )
    return state_after(Event.DELIVERY, state)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a pharmacist decides about a unit that comes back from a ward."""

    event: Event
    hold_reason: str
    """Why it is blocked; empty where nothing new blocks it."""


def inspect_return(
    state: UnitState, *, open_hold_count: int, expiration_date: date | None, today: date, doubt: str
) -> Inspection:
    """Return what becomes of a unit that comes back: into stock (REA), or into quarantine (NRE) at any doubt.

    Args:
        state: it has to be delivered.
        open_hold_count: a unit on hold comes back into quarantine, whatever the check says.
        expiration_date: last day of use.
        today: Paris calendar.
        doubt: what the check of packaging, sterility and label found wrong; empty where nothing.

    Raises:
        EventNotPossible: the unit is not with a ward.
    """
    state_after(Event.RESTOCK, state)
    reason = doubt.strip() or ("shelf-life-past" if is_past(expiration_date, today) else "")
    event = Event.INVALID_RECEIPT if reason or open_hold_count else Event.RESTOCK
    return Inspection(event, reason)


def may_leave(state: UnitState) -> bool:
    """Test whether a unit can still be taken out of stock."""
    return state in TRANSITIONS[Event.STOCK_OUT][0]


def check_untouched(*, event_count: int, hold_causes: Collection[HoldCause]) -> None:
    """Check that nothing happened to a unit since its receipt: no event, no hold but the one of its verdict.

    Raises:
        UnitMoved: something did.
    """
    if event_count > 1 or set(hold_causes) - {HoldCause.VERDICT}:
        raise UnitMoved(
            N_("Something happened to this unit since it was received: its receipt cannot be taken back."),
            next_step=N_("Open the unit's page: hold it, or record what is wrong there."),
        )


def check_holdable(state: UnitState) -> None:
    """Check that a unit is still in the hospital: only there can it be stopped.

    Raises:
        HoldNotPossible: it was used, returned or destroyed.
    """
    if state not in ON_HAND:
        raise HoldNotPossible(
            N_("This unit is '%(state)s': there is nothing left to block."),
            next_step=N_("For a used unit, declare an incident instead."),
            state=state.value,
        )


def check_reason(reason: str) -> str:
    """Return a written reason without outer spaces.

    Raises:
        ReasonMissing: nothing was written.
    """
    if not reason.strip():
        raise ReasonMissing(
            N_("Write the reason: it is kept with the decision."),
            fields={"reason": N_("Write the reason.")},
        )
    return reason.strip()


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason given by a rule: a stable code and the data of its sentence. Stored as it is, worded when shown."""

    code: str
    data: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the finding as it is stored and sent."""
        return {"code": self.code, "data": dict(self.data)}


@dataclass(frozen=True, slots=True)
class NewHold:
    """Why a unit is blocked."""

    cause: HoldCause
    reason: str
    source_ref: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What two requests must not work on at once: the request itself, a lot, a serial number."""

    request_id: UUID
    lot_number: str | None = None
    serial_number: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedUnit:
    """A unit that was just made."""

    id: UUID
    sequence: int
    state: UnitState

    @property
    def number(self) -> str:
        """Return the number on our label."""
        return unit_label.format(self.sequence)


@dataclass(frozen=True, slots=True)
class NewMovement:
    """One event to record. ``id`` is the client's where the movement is an action of its own."""

    id: UUID
    event: Event
    reason: str = ""
    ward_id: UUID | None = None
    requested_by: str = ""
    received_by: str = ""
    is_destruction: bool = False
    """A stock out (SSD) that ends in destruction: the vocabulary has no code of its own for it."""

    def leads_from(self, state: UnitState) -> UnitState:
        """Return the state after this event, or raise ``EventNotPossible``."""
        after = state_after(self.event, state)
        return UnitState.DESTROYED if self.is_destruction else after

    def details(self) -> dict[str, str]:
        """Return the names of the other people, as they are stored."""
        names = {"requested_by": self.requested_by, "received_by": self.received_by}
        return {key: name for key, name in names.items() if name}
