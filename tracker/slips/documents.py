"""What the slip of a delivery says."""

from typing import TypedDict

from tracker.documents.documents import DocumentHead
from tracker.findings.rules import Outcome


class SlipLineData(TypedDict):
    """One box and what was decided; an absent value is an empty text."""

    unit_number: str
    """Empty for a refused box."""
    designation: str
    manufacturer: str
    reference: str
    lot: str
    serial: str
    expires_on: str
    """ISO date."""
    derogation_reference: str
    outcome: Outcome
    reasons: list[str]
    """One sentence each, already in the language of the slip."""


class SlipTallyData(TypedDict):
    """What was expected of one reference and lot, and what came."""

    reference: str
    lot: str
    expected: int
    received: int
    quarantined: int
    refused: int
    missing: int
    surplus: int


class SlipConditionsData(TypedDict):
    """How the delivery looked on arrival: codes of ``Seen``, and figures already in the language of the slip."""

    parcel: str
    seals: str
    temperature: str
    measured: str
    """Empty where nothing was measured."""
    remark: str


class SlipData(DocumentHead):
    """The slip of one delivery."""

    reception_number: str
    supplier: str
    order_number: str
    delivery_note: str
    received_at: str
    """ISO instant on the hospital's clock."""
    received_by: str
    state: str
    """``open``, ``partial`` (the rest is awaited) or ``closed``."""
    ownership: str
    """``own``, ``loan`` or ``consignment``."""
    conditions: SlipConditionsData | None
    """None where nobody recorded any."""
    tally: list[SlipTallyData]
    """Empty where nothing was announced."""
    lines: list[SlipLineData]
