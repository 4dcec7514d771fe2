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


class SlipData(DocumentHead):
    """The slip of one delivery."""

    reception_number: str
    supplier: str
    order_number: str
    delivery_note: str
    received_at: str
    """ISO instant on the hospital's clock."""
    received_by: str
    lines: list[SlipLineData]
